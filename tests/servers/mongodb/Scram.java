import de.bwaldvogel.mongo.bson.BinData;
import de.bwaldvogel.mongo.bson.Document;
import de.bwaldvogel.mongo.exception.MongoServerError;
import io.netty.channel.Channel;
import io.netty.util.AttributeKey;
import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.security.MessageDigest;
import java.util.Base64;
import java.util.UUID;
import javax.crypto.Mac;
import javax.crypto.SecretKeyFactory;
import javax.crypto.spec.PBEKeySpec;
import javax.crypto.spec.SecretKeySpec;

/** SCRAM-SHA-256 (RFC 7677) for one user. */
class Scram {
  static final AttributeKey<Boolean> KNOWN = AttributeKey.valueOf("known");
  static final AttributeKey<Begun> BEGUN = AttributeKey.valueOf("begun");
  static final byte[] SALT = "0123456789abcdef".getBytes(StandardCharsets.US_ASCII);
  static final int ITERATIONS = 15_000;

  /** What has been said until the client proves that it has the password. */
  record Begun(String client, String server) {}

  final String user;
  final byte[] salted;

  Scram(String user, String password) throws GeneralSecurityException {
    this.user = user;
    PBEKeySpec spec = new PBEKeySpec(password.toCharArray(), SALT, ITERATIONS, 256);
    this.salted = SecretKeyFactory.getInstance("PBKDF2WithHmacSHA256").generateSecret(spec).getEncoded();
  }

  boolean knows(Channel channel) {
    return Boolean.TRUE.equals(channel.attr(KNOWN).get());
  }

  Document start(Channel channel, Document query) {
    Object mechanism = query.get("mechanism");
    if (!"SCRAM-SHA-256".equals(mechanism)) {
      String message = "Received authentication for mechanism " + mechanism + " which is not enabled";
      throw new MongoServerError(334, "MechanismUnavailable", message);
    }
    String client = text(query).substring("n,,".length());
    String nonce = client.substring(client.indexOf(",r=") + 3) + UUID.randomUUID();
    String server = "r=" + nonce + ",s=" + Base64.getEncoder().encodeToString(SALT) + ",i=" + ITERATIONS;
    channel.attr(BEGUN).set(new Begun(client, server));
    return reply(server, false);
  }

  Document finish(Channel channel, Document query) {
    Begun begun = channel.attr(BEGUN).getAndSet(null);
    String last = text(query);
    int proofAt = last.lastIndexOf(",p=");
    byte[] proof = Base64.getDecoder().decode(last.substring(proofAt + 3));
    String message = begun.client + "," + begun.server + "," + last.substring(0, proofAt);
    byte[] stored = sha256(hmac(salted, "Client Key"));
    byte[] key = hmac(stored, message);
    for (int i = 0; i < key.length; i++) {
      key[i] ^= proof[i];
    }
    if (!begun.client.startsWith("n=" + user + ",") || !MessageDigest.isEqual(sha256(key), stored)) {
      throw new MongoServerError(18, "AuthenticationFailed", "Authentication failed.");
    }
    channel.attr(KNOWN).set(true);
    byte[] signature = hmac(hmac(salted, "Server Key"), message);
    return reply("v=" + Base64.getEncoder().encodeToString(signature), true);
  }

  static String text(Document query) {
    return new String(((BinData) query.get("payload")).getData(), StandardCharsets.UTF_8);
  }

  static Document reply(String payload, boolean done) {
    Document reply = new Document("conversationId", 1);
    reply.put("done", done);
    reply.put("payload", new BinData(payload.getBytes(StandardCharsets.UTF_8)));
    reply.put("ok", 1.0);
    return reply;
  }

  static byte[] hmac(byte[] key, String message) {
    try {
      Mac mac = Mac.getInstance("HmacSHA256");
      mac.init(new SecretKeySpec(key, "HmacSHA256"));
      return mac.doFinal(message.getBytes(StandardCharsets.UTF_8));
    } catch (GeneralSecurityException impossible) {
      throw new IllegalStateException(impossible);
    }
  }

  static byte[] sha256(byte[] data) {
    try {
      return MessageDigest.getInstance("SHA-256").digest(data);
    } catch (GeneralSecurityException impossible) {
      throw new IllegalStateException(impossible);
    }
  }
}

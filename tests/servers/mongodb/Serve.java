import de.bwaldvogel.mongo.MongoServer;
import de.bwaldvogel.mongo.MongoVersion;
import de.bwaldvogel.mongo.backend.AbstractMongoBackend;
import de.bwaldvogel.mongo.backend.h2.H2Backend;
import de.bwaldvogel.mongo.backend.memory.MemoryBackend;
import de.bwaldvogel.mongo.bson.Document;
import io.netty.channel.Channel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyFactory;
import java.security.PrivateKey;
import java.security.cert.CertificateFactory;
import java.security.cert.X509Certificate;
import java.security.spec.PKCS8EncodedKeySpec;
import java.util.Base64;
import java.util.List;

/**
 * Serves on 127.0.0.1, and prints "READY 127.0.0.1:PORT" when it listens. The arguments are those of README.md.
 */
public class Serve {
  static class InMemory extends MemoryBackend {
    final Commands commands;

    InMemory(Commands commands) {
      this.commands = commands;
    }

    @Override
    public Document handleCommand(Channel channel, String database, String command, Document query) {
      return commands.handle(channel, command, query, (name, asked) -> super.handleCommand(channel, database, name, asked));
    }
  }

  static class InFile extends H2Backend {
    final Commands commands;

    InFile(String file, Commands commands) {
      super(file);
      this.commands = commands;
    }

    @Override
    public Document handleCommand(Channel channel, String database, String command, Document query) {
      return commands.handle(channel, command, query, (name, asked) -> {
        Document reply = super.handleCommand(channel, database, name, asked);
        // The store writes by itself once a second only: what is acknowledged has to outlive a kill.
        commit();
        return reply;
      });
    }
  }

  /** The library calls its newest version 8 on the wire, and pymongo asks for 9 at least; a real 5.0 says 13. */
  static class Version implements MongoVersion {
    @Override
    public List<Integer> getVersionArray() {
      return List.of(5, 0, 0);
    }

    @Override
    public int getWireVersion() {
      return 13;
    }
  }

  static X509Certificate certificate(String file) throws Exception {
    try (var stream = Files.newInputStream(Path.of(file))) {
      return (X509Certificate) CertificateFactory.getInstance("X.509").generateCertificate(stream);
    }
  }

  static PrivateKey key(String file) throws Exception {
    String text = Files.readString(Path.of(file)).replaceAll("-----[A-Z ]+-----", "").replaceAll("\\s", "");
    return KeyFactory.getInstance("RSA").generatePrivate(new PKCS8EncodedKeySpec(Base64.getDecoder().decode(text)));
  }

  public static void main(String[] arguments) throws Exception {
    int port = 0;
    String file = null, user = null, password = null, certificate = null, key = null;
    int dieAfter = Integer.MAX_VALUE, hangAfter = Integer.MAX_VALUE;
    for (int i = 0; i < arguments.length; i++) {
      switch (arguments[i]) {
        case "--port" -> port = Integer.parseInt(arguments[++i]);
        case "--h2" -> file = arguments[++i];
        case "--user" -> user = arguments[++i];
        case "--password" -> password = arguments[++i];
        case "--tls" -> {
          certificate = arguments[++i];
          key = arguments[++i];
        }
        case "--die-after-getmores" -> dieAfter = Integer.parseInt(arguments[++i]);
        case "--hang-after-getmores" -> hangAfter = Integer.parseInt(arguments[++i]);
        default -> throw new IllegalArgumentException(arguments[i]);
      }
    }
    Commands commands = new Commands(user == null ? null : new Scram(user, password), dieAfter, hangAfter);
    AbstractMongoBackend backend = file == null ? new InMemory(commands) : new InFile(file, commands);
    backend.version(new Version());
    MongoServer server = new MongoServer(backend);
    if (certificate != null) {
      server.enableSsl(key(key), null, certificate(certificate));
    }
    server.bind("127.0.0.1", port);
    Runtime.getRuntime().addShutdownHook(new Thread(server::shutdownNow));
    System.out.println("READY 127.0.0.1:" + server.getLocalAddress().getPort());
    Thread.currentThread().join();
  }
}

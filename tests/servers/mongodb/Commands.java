import de.bwaldvogel.mongo.backend.DefaultQueryMatcher;
import de.bwaldvogel.mongo.bson.BinData;
import de.bwaldvogel.mongo.bson.Document;
import de.bwaldvogel.mongo.exception.MongoServerError;
import io.netty.buffer.ByteBufUtil;
import io.netty.channel.Channel;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;

/** What a current driver needs and the library lacks, laid over its commands; and faults on demand. */
@SuppressWarnings("unchecked")
class Commands {
  static final int MAX_BATCH = 16 * 1024 * 1024 - 65536;
  static final int FIRST_BATCH = 101;
  static final long FIRST_CURSOR = 1L << 40;
  static final Set<String> BEFORE_LOGIN =
      Set.of("hello", "ismaster", "saslstart", "saslcontinue", "buildinfo", "endsessions");

  /** The library's own answer to a command. */
  interface Library {
    Document call(String command, Document query);
  }

  /** An open cursor: the library answers with everything in one reply, and real servers page it. */
  record Cursor(String namespace, ArrayDeque<Document> rest) {}

  final Scram scram;
  final int dieAfter, hangAfter;
  final Map<Long, Cursor> cursors = new ConcurrentHashMap<>();
  final AtomicLong lastCursor = new AtomicLong(FIRST_CURSOR);
  final AtomicInteger getMores = new AtomicInteger();

  /** `scram` is null where anyone may read and write. */
  Commands(Scram scram, int dieAfter, int hangAfter) {
    this.scram = scram;
    this.dieAfter = dieAfter;
    this.hangAfter = hangAfter;
  }

  Document handle(Channel channel, String command, Document query, Library library) {
    String name = command.toLowerCase(Locale.ROOT);
    if (scram != null && !scram.knows(channel) && !BEFORE_LOGIN.contains(name)) {
      throw new MongoServerError(13, "Unauthorized", "Command " + command + " requires authentication");
    }
    return switch (name) {
      case "hello", "ismaster" -> hello(name, query, library);
      case "saslstart" -> scram().start(channel, query);
      case "saslcontinue" -> scram().finish(channel, query);
      case "endsessions", "killsessions", "refreshsessions", "logout" -> new Document("ok", 1.0);
      case "listcollections" -> listCollections(library.call(command, query), (Document) query.get("filter"));
      case "find" -> find(command, query, library);
      case "aggregate" -> aggregate(command, query, library);
      case "getmore" -> getMore(command, query);
      case "killcursors" -> killCursors(query);
      default -> library.call(command, query);
    };
  }

  Scram scram() {
    if (scram == null) {
      throw new MongoServerError(18, "AuthenticationFailed", "Authentication failed.");
    }
    return scram;
  }

  Document hello(String name, Document query, Library library) {
    Document reply = library.call("ismaster", query);
    reply.remove("ok");
    if (name.equals("hello")) {
      reply.remove("ismaster");
      reply.put("isWritablePrimary", true);
    } else {
      reply.put("helloOk", true);
    }
    reply.put("maxWriteBatchSize", 100_000);
    reply.put("logicalSessionTimeoutMinutes", 30);
    reply.put("readOnly", false);
    if (query.get("saslSupportedMechs") != null && scram != null) {
      reply.put("saslSupportedMechs", List.of("SCRAM-SHA-256"));
    }
    reply.put("ok", 1.0);
    return reply;
  }

  Document listCollections(Document whole, Document filter) {
    if (filter == null || filter.isEmpty()) {
      return whole;
    }
    Document cursor = (Document) whole.get("cursor");
    List<Document> kept = new ArrayList<>((Collection<Document>) cursor.get("firstBatch"));
    kept.removeIf(collection -> !new DefaultQueryMatcher().matches(collection, filter));
    return batch(0, (String) cursor.get("ns"), "firstBatch", kept);
  }

  Document find(String command, Document query, Library library) {
    if (Boolean.TRUE.equals(query.get("singleBatch"))) {
      return library.call(command, query);
    }
    Document unpaged = new Document();
    unpaged.putAll(query);
    unpaged.remove("batchSize");
    return page(library.call(command, unpaged), number(query.get("batchSize"), FIRST_BATCH));
  }

  Document aggregate(String command, Document query, Library library) {
    Document options = (Document) query.get("cursor");
    int size = options == null ? FIRST_BATCH : number(options.get("batchSize"), FIRST_BATCH);
    return page(library.call(command, query), size);
  }

  Document getMore(String command, Document query) {
    int count = getMores.incrementAndGet();
    if (count > dieAfter) {
      Runtime.getRuntime().halt(137);
    }
    if (count > hangAfter) {
      hang();
    }
    long id = ((Number) query.get(command)).longValue();
    Cursor cursor = cursors.get(id);
    if (cursor == null) {
      throw new MongoServerError(43, "CursorNotFound", "cursor id " + id + " not found");
    }
    int size = number(query.get("batchSize"), 0);
    List<Document> rows = take(cursor.rest, size == 0 ? Integer.MAX_VALUE : size);
    if (cursor.rest.isEmpty()) {
      cursors.remove(id);
    }
    return batch(cursor.rest.isEmpty() ? 0 : id, cursor.namespace, "nextBatch", rows);
  }

  Document killCursors(Document query) {
    List<Long> killed = new ArrayList<>(), unknown = new ArrayList<>();
    for (Object given : (List<?>) query.get("cursors")) {
      long id = ((Number) given).longValue();
      (cursors.remove(id) == null ? unknown : killed).add(id);
    }
    Document reply = new Document("cursorsKilled", killed);
    reply.put("cursorsNotFound", unknown);
    reply.put("cursorsAlive", List.of());
    reply.put("cursorsUnknown", List.of());
    reply.put("ok", 1.0);
    return reply;
  }

  Document page(Document whole, int size) {
    Document cursor = (Document) whole.get("cursor");
    String namespace = (String) cursor.get("ns");
    ArrayDeque<Document> rest = new ArrayDeque<>((Collection<Document>) cursor.get("firstBatch"));
    List<Document> rows = take(rest, size);
    long id = 0;
    if (!rest.isEmpty()) {
      id = lastCursor.incrementAndGet();
      cursors.put(id, new Cursor(namespace, rest));
    }
    return batch(id, namespace, "firstBatch", rows);
  }

  static Document batch(long id, String namespace, String key, List<Document> rows) {
    Document cursor = new Document("id", id);
    cursor.put("ns", namespace);
    cursor.put(key, rows);
    Document reply = new Document("cursor", cursor);
    reply.put("ok", 1.0);
    return reply;
  }

  static List<Document> take(ArrayDeque<Document> rest, int size) {
    List<Document> rows = new ArrayList<>();
    long bytes = 0;
    while (!rest.isEmpty() && rows.size() < size) {
      bytes += bytes(rest.peek());
      if (!rows.isEmpty() && bytes > MAX_BATCH) {
        break;
      }
      rows.add(rest.poll());
    }
    return rows;
  }

  /** About as many as the value has when encoded, which would take much longer. */
  static long bytes(Object value) {
    if (value instanceof String text) {
      return 8 + ByteBufUtil.utf8Bytes(text);
    }
    if (value instanceof BinData data) {
      return 8 + data.getData().length;
    }
    long sum = 16;
    if (value instanceof Document document) {
      for (Map.Entry<String, Object> entry : document.entrySet()) {
        sum += 2 + entry.getKey().length() + bytes(entry.getValue());
      }
    } else if (value instanceof Collection<?> items) {
      for (Object item : items) {
        sum += 4 + bytes(item);
      }
    }
    return sum;
  }

  static int number(Object given, int otherwise) {
    return given == null ? otherwise : ((Number) given).intValue();
  }

  static void hang() {
    try {
      Thread.sleep(Long.MAX_VALUE);
    } catch (InterruptedException stopped) {
      Thread.currentThread().interrupt();
    }
  }
}

import com.google.gson.Gson;
import com.google.gson.GsonBuilder;
import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonNull;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import com.google.gson.JsonPrimitive;
import com.google.zetasql.Analyzer;
import com.google.zetasql.AnalyzerOptions;
import com.google.zetasql.LanguageOptions;
import com.google.zetasql.PreparedQuery;
import com.google.zetasql.SimpleCatalog;
import com.google.zetasql.SimpleColumn;
import com.google.zetasql.SimpleTable;
import com.google.zetasql.StructType;
import com.google.zetasql.TableContent;
import com.google.zetasql.Type;
import com.google.zetasql.TypeFactory;
import com.google.zetasql.Value;
import com.google.zetasql.ZetaSQLBuiltinFunctionOptions;
import com.google.zetasql.ZetaSQLOptions.ProductMode;
import com.google.zetasql.ZetaSQLType.TypeKind;
import com.google.zetasql.resolvedast.ResolvedNodes.ResolvedQueryStmt;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;

/** Answers each line of JSON on standard input with one on standard output; README.md has their form. */
public final class Oracle {
  private static final Gson GSON = new GsonBuilder().serializeNulls().disableHtmlEscaping().create();
  private static final LanguageOptions LANGUAGE = language();
  private static final SimpleCatalog CATALOG = catalog();
  // Requests name the same tables and values over and over, and each of them is a query.
  private static final Map<String, Given> GIVEN = new HashMap<>();
  private static final Map<String, Value> VALUES = new HashMap<>();

  private record Given(List<SimpleColumn> columns, TableContent rows) {}

  private static LanguageOptions language() {
    LanguageOptions options = new LanguageOptions().enableMaximumLanguageFeatures();
    options.setSupportsAllStatementKinds();
    options.setProductMode(ProductMode.PRODUCT_EXTERNAL);
    options.enableReservableKeyword("QUALIFY");
    return options;
  }

  public static void main(String[] arguments) throws Exception {
    PrintStream out = new PrintStream(System.out, true, StandardCharsets.UTF_8);
    BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
    for (String line = in.readLine(); line != null; line = in.readLine()) {
      if (!line.isBlank()) {
        out.println(GSON.toJson(answer(JsonParser.parseString(line).getAsJsonObject())));
      }
    }
  }

  private static JsonObject answer(JsonObject request) {
    JsonObject reply = new JsonObject();
    if (request.has("statements")) {
      reply.add("kinds", kinds(request.getAsJsonArray("statements")));
      return reply;
    }
    String phase = "tables";
    Map<String, TableContent> contents = new HashMap<>();
    try {
      if (request.has("tables")) {
        for (Map.Entry<String, JsonElement> table : request.getAsJsonObject("tables").entrySet()) {
          add(contents, table.getKey(), table.getValue().getAsString());
        }
      }
      AnalyzerOptions options = options();
      Map<String, Value> parameters = new HashMap<>();
      if (request.has("parameters")) {
        phase = "parameters";
        for (Map.Entry<String, JsonElement> parameter : request.getAsJsonObject("parameters").entrySet()) {
          Value value = value(parameter.getValue().getAsString());
          parameters.put(parameter.getKey(), value);
          options.addQueryParameter(parameter.getKey(), value.getType());
        }
      }
      phase = "analyze";
      if (request.has("queries")) {
        JsonArray types = new JsonArray();
        // Registered once: else the whole catalog goes to the analyzer with each query.
        try (SimpleCatalog.AutoUnregister registered = CATALOG.register()) {
          request.getAsJsonArray("queries").forEach(query -> types.add(types(query.getAsString(), options)));
        }
        reply.add("types", types);
        return reply;
      }
      String sql = request.get("sql").getAsString();
      for (String name : contents.keySet()) {
        sql = renamed(sql, name, name);
      }
      try (PreparedQuery query = prepare(sql, options, contents)) {
        JsonArray columns = new JsonArray();
        for (SimpleColumn column : query.getColumns()) {
          JsonArray pair = new JsonArray();
          pair.add(column.getName());
          pair.add(name(column.getType()));
          columns.add(pair);
        }
        reply.add("columns", columns);
        phase = "evaluate";
        reply.add("rows", rows(query.execute(parameters)));
      }
    } catch (RuntimeException error) {
      reply.addProperty("phase", phase);
      reply.addProperty("error", error.getMessage() == null ? error.toString() : error.getMessage());
      if (System.getenv("ORACLE_TRACE") != null) {
        error.printStackTrace();
      }
    } finally {
      contents.keySet().forEach(CATALOG::removeSimpleTable);
    }
    return reply;
  }

  /** Gives the types of a query's columns without running it, or the error as text. */
  private static JsonElement types(String sql, AnalyzerOptions options) {
    try {
      JsonArray types = new JsonArray();
      ResolvedQueryStmt query = (ResolvedQueryStmt) Analyzer.analyzeStatement(sql, options, CATALOG);
      query.getOutputColumnList().forEach(column -> types.add(name(column.getColumn().getType())));
      return types;
    } catch (RuntimeException error) {
      return new JsonPrimitive(String.valueOf(error.getMessage()));
    }
  }

  /** Says of each statement what it is, or its error; the catalog goes to the analyzer twice, however many they are. */
  private static JsonArray kinds(JsonArray statements) {
    Map<String, List<SimpleColumn>> known = new HashMap<>();
    try (SimpleCatalog.AutoUnregister registered = CATALOG.register()) {
      for (JsonElement statement : statements) {
        texts(statement, "tables").values().forEach(query -> known.computeIfAbsent(query, Oracle::columns));
        texts(statement, "parameters").values().forEach(value -> known.computeIfAbsent(value, key -> columns("SELECT " + key)));
      }
    }
    // A name may be of different tables in different statements.
    Map<String, String> names = new LinkedHashMap<>();
    for (JsonElement statement : statements) {
      for (Map.Entry<String, String> table : texts(statement, "tables").entrySet()) {
        String given = table.getKey() + " AS " + table.getValue();
        if (!names.containsKey(given)) {
          names.put(given, table.getKey() + "#" + names.size());
          CATALOG.addSimpleTable(new SimpleTable(names.get(given), known.get(table.getValue())));
        }
      }
    }
    JsonArray kinds = new JsonArray();
    try (SimpleCatalog.AutoUnregister registered = CATALOG.register()) {
      for (JsonElement statement : statements) {
        AnalyzerOptions options = options();
        texts(statement, "parameters").forEach((name, value) -> options.addQueryParameter(name, known.get(value).get(0).getType()));
        String sql = statement.getAsJsonObject().get("sql").getAsString();
        for (Map.Entry<String, String> table : texts(statement, "tables").entrySet()) {
          sql = renamed(sql, table.getKey(), names.get(table.getKey() + " AS " + table.getValue()));
        }
        kinds.add(kind(sql, options));
      }
    } finally {
      names.values().forEach(CATALOG::removeSimpleTable);
    }
    return kinds;
  }

  private static String kind(String sql, AnalyzerOptions options) {
    try {
      return Analyzer.analyzeStatement(sql, options, CATALOG).nodeKindString();
    } catch (RuntimeException error) {
      return String.valueOf(error.getMessage());
    }
  }

  private static Map<String, String> texts(JsonElement statement, String field) {
    Map<String, String> texts = new LinkedHashMap<>();
    statement.getAsJsonObject().getAsJsonObject(field).entrySet().forEach(text -> texts.put(text.getKey(), text.getValue().getAsString()));
    return texts;
  }

  private static List<SimpleColumn> columns(String sql) {
    ResolvedQueryStmt query = (ResolvedQueryStmt) Analyzer.analyzeStatement(sql, options(), CATALOG);
    List<SimpleColumn> columns = new ArrayList<>();
    query.getOutputColumnList().forEach(column -> columns.add(new SimpleColumn("", column.getName(), column.getColumn().getType())));
    return columns;
  }

  private static String renamed(String sql, String name, String into) {
    String written = "(?<![\\w.`])`?" + name.replace(".", "`?\\.`?") + "`?(?![\\w`-])";
    return sql.replaceAll(written, Matcher.quoteReplacement("`" + into + "`"));
  }

  private static SimpleCatalog catalog() {
    SimpleCatalog catalog = new SimpleCatalog("project", TypeFactory.nonUniqueNames());
    catalog.addZetaSQLFunctionsAndTypes(new ZetaSQLBuiltinFunctionOptions(LANGUAGE));
    return catalog;
  }

  private static AnalyzerOptions options() {
    AnalyzerOptions options = new AnalyzerOptions();
    options.setLanguageOptions(LANGUAGE);
    options.setDefaultTimezone("UTC");
    return options;
  }

  /** Adds a table whose columns and rows are those of a query. Contents are kept by one name, so `a.b` is one name here. */
  private static void add(Map<String, TableContent> contents, String name, String sql) {
    Given given = GIVEN.computeIfAbsent(name + " AS " + sql, key -> given(name, sql));
    CATALOG.addSimpleTable(new SimpleTable(name, given.columns()));
    contents.put(name, given.rows());
  }

  private static Given given(String name, String sql) {
    try (PreparedQuery query = prepare(sql, options(), Map.of())) {
      List<SimpleColumn> columns = new ArrayList<>();
      for (SimpleColumn column : query.getColumns()) {
        columns.add(new SimpleColumn(name, column.getName(), column.getType()));
      }
      return new Given(columns, query.execute(Map.of()));
    }
  }

  private static Value value(String expression) {
    return VALUES.computeIfAbsent(expression, Oracle::computed);
  }

  private static Value computed(String expression) {
    try (PreparedQuery query = prepare("SELECT " + expression, options(), Map.of())) {
      return query.execute(Map.of()).getTableData().get(0).get(0);
    }
  }

  private static PreparedQuery prepare(String sql, AnalyzerOptions options, Map<String, TableContent> contents) {
    return PreparedQuery.builder().setSql(sql).setAnalyzerOptions(options).setCatalog(CATALOG).setTablesContents(contents).prepare();
  }

  private static String name(Type type) {
    if (type.isArray()) {
      return "ARRAY<" + name(type.asArray().getElementType()) + ">";
    }
    if (!type.isStruct()) {
      return type.typeName(ProductMode.PRODUCT_EXTERNAL);
    }
    List<String> fields = new ArrayList<>();
    for (StructType.StructField field : type.asStruct().getFieldList()) {
      fields.add((field.getName() + " " + name(field.getType())).trim());
    }
    return "STRUCT<" + String.join(", ", fields) + ">";
  }

  private static JsonArray rows(TableContent content) {
    JsonArray rows = new JsonArray();
    for (List<Value> row : content.getTableData()) {
      JsonArray values = new JsonArray();
      row.forEach(value -> values.add(json(value)));
      rows.add(values);
    }
    return rows;
  }

  /** Gives a value as JSON: scalars as text in one canonical form, arrays as lists, structs as lists of [name, value]. */
  private static JsonElement json(Value value) {
    if (value.isNull()) {
      return JsonNull.INSTANCE;
    }
    Type type = value.getType();
    if (type.isArray()) {
      JsonArray list = new JsonArray();
      value.getElementList().forEach(element -> list.add(json(element)));
      return list;
    }
    if (type.isStruct()) {
      JsonArray fields = new JsonArray();
      for (int at = 0; at < value.getFieldCount(); at++) {
        JsonArray pair = new JsonArray();
        pair.add(type.asStruct().getField(at).getName());
        pair.add(json(value.getField(at)));
        fields.add(pair);
      }
      return fields;
    }
    return new JsonPrimitive(text(value, type.getKind()));
  }

  private static String text(Value value, TypeKind kind) {
    switch (kind) {
      case TYPE_INT64: return Long.toString(value.getInt64Value());
      case TYPE_BOOL: return Boolean.toString(value.getBoolValue());
      case TYPE_DOUBLE: return Double.toString(value.getDoubleValue());
      case TYPE_NUMERIC: return plain(value.getNumericValue());
      case TYPE_BIGNUMERIC: return plain(value.getBigNumericValue());
      case TYPE_STRING: return value.getStringValue();
      case TYPE_BYTES: {
        StringBuilder hex = new StringBuilder();
        for (byte one : value.getBytesValue()) {
          hex.append(String.format("%02x", one));
        }
        return hex.toString();
      }
      case TYPE_DATE: return value.getLocalDateValue().toString();
      case TYPE_DATETIME: return value.getLocalDateTimeValue().toString();
      case TYPE_TIME: return value.getLocalTimeValue().toString();
      case TYPE_TIMESTAMP: {
        long micros = value.getTimestampUnixMicros();
        return Instant.ofEpochSecond(Math.floorDiv(micros, 1_000_000L), Math.floorMod(micros, 1_000_000L) * 1000).toString();
      }
      case TYPE_JSON: return value.getJsonValue();
      case TYPE_INTERVAL: return value.getIntervalValue().toString();
      default: return value.getSQLLiteral();
    }
  }

  private static String plain(java.math.BigDecimal number) {
    return number.signum() == 0 ? "0" : number.stripTrailingZeros().toPlainString();
  }
}

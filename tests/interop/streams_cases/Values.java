import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.HexFormat;
import org.apache.kafka.common.serialization.Serde;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.common.utils.Bytes;
import org.apache.kafka.streams.kstream.TimeWindowedDeserializer;
import org.apache.kafka.streams.kstream.TimeWindowedSerializer;
import org.apache.kafka.streams.kstream.Windowed;
import org.apache.kafka.streams.kstream.internals.TimeWindow;

/** The values of the cases: their serdes, their JSON, and the conversions that the cases' README names. */
final class Values {
  private static final JsonNodeFactory json = JsonNodeFactory.instance;

  private Values() {}

  static String hex(byte[] bytes) {
    return HexFormat.of().formatHex(bytes);
  }

  static byte[] bytes(String hex) {
    return HexFormat.of().parseHex(hex);
  }

  static String str(Object x) {
    if (x instanceof Bytes b) return hex(b.get());
    if (x instanceof Windowed<?> w) return str(w.key()) + "@" + w.window().start() + "/" + w.window().end();
    return String.valueOf(x);
  }

  static long parseLong(Object x) {
    if (x == null) return 0;
    if (x instanceof Long || x instanceof Integer) return ((Number) x).longValue();
    String text = str(x);
    return text.matches("-?[0-9]{1,18}") ? Long.parseLong(text) : text.length();
  }

  static String first(Object x) {
    String text = str(x);
    return text.isEmpty() ? "" : text.substring(0, 1);
  }

  static String tail(String text, int n) {
    return text.length() <= n ? text : text.substring(text.length() - n);
  }

  /** Null is below all. */
  @SuppressWarnings({"unchecked", "rawtypes"})
  static int compare(Object a, Object b) {
    if (a == null || b == null) return (a == null ? 0 : 1) - (b == null ? 0 : 1);
    return ((Comparable) a).compareTo(b);
  }

  /** The serde of a name such as `long` or `time_windowed:string:1000`. */
  @SuppressWarnings({"unchecked", "rawtypes"})
  static Serde<Object> serde(String name) {
    String windowed = "time_windowed:";
    if (name.startsWith(windowed)) {
      int colon = name.lastIndexOf(':');
      Serde inner = serde(name.substring(windowed.length(), colon));
      long size = Long.parseLong(name.substring(colon + 1));
      return Serdes.serdeFrom(
          new TimeWindowedSerializer(inner.serializer()), new TimeWindowedDeserializer(inner.deserializer(), size));
    }
    return (Serde) switch (name) {
      case "string" -> Serdes.String();
      case "long" -> Serdes.Long();
      case "int" -> Serdes.Integer();
      case "double" -> Serdes.Double();
      case "bytes" -> Serdes.Bytes();
      default -> throw new IllegalArgumentException("serde " + name);
    };
  }

  static JsonNode toJson(Object x) {
    if (x == null) return json.nullNode();
    if (x instanceof Long n) return json.numberNode(n);
    if (x instanceof Integer n) return json.numberNode(n);
    if (x instanceof Double d) return json.numberNode(d);
    if (x instanceof Windowed<?> w) {
      ObjectNode node = json.objectNode();
      node.set("key", toJson(w.key()));
      return node.put("start", w.window().start()).put("end", w.window().end());
    }
    return json.textNode(str(x));
  }

  static Object fromJson(JsonNode node, String serde) {
    if (node == null || node.isNull()) return null;
    String windowed = "time_windowed:";
    if (serde.startsWith(windowed)) {
      Object key = fromJson(node.get("key"), serde.substring(windowed.length(), serde.lastIndexOf(':')));
      return new Windowed<>(key, new TimeWindow(node.get("start").longValue(), node.get("end").longValue()));
    }
    return switch (serde) {
      case "string" -> node.textValue();
      case "long" -> node.longValue();
      case "int" -> node.intValue();
      case "double" -> node.doubleValue();
      case "bytes" -> Bytes.wrap(bytes(node.textValue()));
      default -> throw new IllegalArgumentException("serde " + serde);
    };
  }
}

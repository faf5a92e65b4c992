import static java.util.Map.entry;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.streams.KeyValue;
import org.apache.kafka.streams.kstream.Aggregator;
import org.apache.kafka.streams.kstream.KeyValueMapper;
import org.apache.kafka.streams.kstream.Predicate;
import org.apache.kafka.streams.kstream.Reducer;
import org.apache.kafka.streams.kstream.ValueJoinerWithKey;
import org.apache.kafka.streams.kstream.Windowed;
import org.apache.kafka.streams.processor.TimestampExtractor;

/** The functions of the cases, by the names that the cases' README gives them. */
final class Functions {
  /** Of a key and a value. */
  interface Mapper extends KeyValueMapper<Object, Object, Object> {}

  interface PairMapper extends KeyValueMapper<Object, Object, KeyValue<Object, Object>> {}

  interface ListMapper extends KeyValueMapper<Object, Object, List<Object>> {}

  interface PairsMapper extends KeyValueMapper<Object, Object, List<KeyValue<Object, Object>>> {}

  private interface OfValue {
    Object apply(Object value);
  }

  private Functions() {}

  private static Mapper mapped(OfValue f) {
    return (k, v) -> v == null ? null : f.apply(v);
  }

  private static String beforeBar(Object v) {
    return Values.str(v).split("\\|", 2)[0];
  }

  private static Object boomOnZ(Object v) {
    if (Values.str(v).startsWith("z")) throw new RuntimeException("boom");
    return v;
  }

  private static Object arithmetic(Object v, long factor, long add) {
    if (v instanceof Integer n) return (int) (n * factor + add);
    if (v instanceof Double d) return factor == -1 ? -d : d * factor + add;
    return Values.parseLong(v) * factor + add;
  }

  private static final Mapper firstCharKey = mapped(Values::first);
  private static final Mapper mod3 = mapped(v -> "m" + Math.floorMod(Values.parseLong(v), 3L));
  private static final Mapper beforeBarKey = mapped(Functions::beforeBar);
  private static final Mapper upper = mapped(v -> Values.str(v).toUpperCase(java.util.Locale.ROOT));
  private static final Mapper length = mapped(v -> (long) Values.str(v).length());

  static final Map<String, Mapper> value = Map.ofEntries(
      entry("identity", (k, v) -> v),
      entry("upper", upper),
      entry("lower", mapped(v -> Values.str(v).toLowerCase(java.util.Locale.ROOT))),
      entry("reverse", mapped(v -> new StringBuilder(Values.str(v)).reverse().toString())),
      entry("length", length),
      entry("parse_long", mapped(Values::parseLong)),
      entry("to_int", mapped(v -> (int) Values.parseLong(v))),
      entry("half", mapped(v -> Values.parseLong(v) / 2.0)),
      entry("to_string", mapped(Values::str)),
      entry("add_one", mapped(v -> arithmetic(v, 1, 1))),
      entry("twice", mapped(v -> arithmetic(v, 2, 0))),
      entry("negate", mapped(v -> arithmetic(v, -1, 0))),
      entry("bang", mapped(v -> Values.str(v) + "!")),
      entry("first_char", firstCharKey),
      entry("null_if_even", (k, v) -> Values.parseLong(v) % 2 == 0 ? null : v),
      entry("before_bar", beforeBarKey),
      entry("boom_on_z", mapped(Functions::boomOnZ)),
      entry("or_empty", (k, v) -> v == null ? "" : v),
      entry("show", (k, v) -> Values.str(v)),
      entry("key_value", (k, v) -> Values.str(k) + ":" + Values.str(v)));

  static final Map<String, Mapper> key = Map.ofEntries(
      entry("first_char_key", firstCharKey),
      entry("value_as_key", (k, v) -> v),
      entry("key_first_char", (k, v) -> k == null ? null : Values.first(k)),
      entry("key_reverse", (k, v) -> k == null ? null : new StringBuilder(Values.str(k)).reverse().toString()),
      entry("mod3", mod3),
      entry("window_key", (k, v) -> k == null ? null : Values.str(k)),
      entry("key_of_window", (k, v) -> k == null ? null : ((Windowed<?>) k).key()),
      entry("null_key", (k, v) -> null),
      entry("same_key", (k, v) -> k),
      entry("before_bar_key", beforeBarKey));

  private static KeyValue<Object, Object> pairOf(Object k, Object v) {
    return KeyValue.pair(k, v);
  }

  static final Map<String, PairMapper> pair = Map.ofEntries(
      entry("swap", (k, v) -> pairOf(v, k)),
      entry("first_char_upper", (k, v) -> pairOf(firstCharKey.apply(k, v), upper.apply(k, v))),
      entry("mod3_pair", (k, v) -> pairOf(mod3.apply(k, v), v)),
      entry("first_char_pair", (k, v) -> pairOf(firstCharKey.apply(k, v), v)),
      entry("before_bar_pair", (k, v) -> pairOf(beforeBarKey.apply(k, v), v)),
      entry("first_char_length", (k, v) -> pairOf(firstCharKey.apply(k, v), length.apply(k, v))),
      entry("null_on_q", (k, v) -> pairOf(v == null || Values.str(v).startsWith("q") ? null : Values.first(v), v)));

  private static List<Object> words(Object v) {
    List<Object> words = new ArrayList<>();
    if (v == null) return words;
    for (String word : Values.str(v).split(" ")) {
      if (!word.isEmpty()) words.add(word);
    }
    return words;
  }

  private static List<Object> listOf(Object... elements) {
    return java.util.Arrays.asList(elements);
  }

  private static List<Object> countdown(Object v) {
    List<Object> list = new ArrayList<>();
    long n = v == null ? 0 : Math.min(3, Math.abs(Values.parseLong(v)) % 4);
    for (long i = 0; i < n; ++i) list.add(Values.str(v) + "#" + i);
    return list;
  }

  static final Map<String, ListMapper> flat = Map.of(
      "split_words", (k, v) -> words(v),
      "repeat_twice", (k, v) -> listOf(v, v),
      "drop_all", (k, v) -> List.of(),
      "countdown", (k, v) -> countdown(v));

  private static List<KeyValue<Object, Object>> bothWays(Object k, Object v) {
    List<KeyValue<Object, Object>> pairs = new ArrayList<>(List.of(pairOf(k, v)));
    if (v != null) pairs.add(pairOf(Values.first(v), v));
    return pairs;
  }

  static final Map<String, PairsMapper> flatPairs = Map.of(
      "words_as_keys", (k, v) -> words(v).stream().map(w -> pairOf(w, w)).toList(),
      "both_ways", (k, v) -> bothWays(k, v),
      "empty", (k, v) -> List.of());

  static final Map<String, Predicate<Object, Object>> predicate = Map.ofEntries(
      entry("is_even", (k, v) -> v != null && Values.parseLong(v) % 2 == 0),
      entry("not_null", (k, v) -> v != null),
      entry("is_null", (k, v) -> v == null),
      entry("contains_a", (k, v) -> v != null && Values.str(v).contains("a")),
      entry("first_below_m", (k, v) -> v != null && Values.first(v).compareTo("m") < 0),
      entry("key_below_k3", (k, v) -> k != null && Values.str(k).compareTo("k3") < 0),
      entry("key_not_null", (k, v) -> k != null),
      entry("long_word", (k, v) -> v != null && Values.str(v).length() > 4),
      entry("at_least_2", (k, v) -> v != null && Values.parseLong(v) >= 2),
      entry("all", (k, v) -> true),
      entry("none", (k, v) -> false));

  static Object initial(String name) {
    return switch (name) {
      case "zero" -> (Object) 0L;
      case "empty" -> "";
      case "zero_double" -> (Object) 0.0;
      case "null" -> null;
      default -> throw new IllegalArgumentException("initializer " + name);
    };
  }

  private static String join(Object a, String between, Object b, int n) {
    return Values.tail(Values.str(a) + between + Values.str(b), n);
  }

  private static Object orEmpty(Object a) {
    return a == null ? "" : a;
  }

  private static Object addHalf(Object a, Object v) {
    return (a == null ? 0.0 : (Double) a) + Values.parseLong(v) / 2.0;
  }

  static final Map<String, Aggregator<Object, Object, Object>> aggregator = Map.ofEntries(
      entry("add_one_agg", (k, v, a) -> Values.parseLong(a) + 1),
      entry("sub_one_agg", (k, v, a) -> Values.parseLong(a) - 1),
      entry("add_long", (k, v, a) -> Values.parseLong(a) + Values.parseLong(v)),
      entry("sub_long", (k, v, a) -> Values.parseLong(a) - Values.parseLong(v)),
      entry("add_length", (k, v, a) -> Values.parseLong(a) + Values.str(v).length()),
      entry("sub_length", (k, v, a) -> Values.parseLong(a) - Values.str(v).length()),
      entry("max_long", (k, v, a) -> Math.max(a == null ? Long.MIN_VALUE : (Long) a, Values.parseLong(v))),
      entry("add_half", (k, v, a) -> addHalf(a, v)),
      entry("concat", (k, v, a) -> join(a, "", v, 24)),
      entry("concat_or_new", (k, v, a) -> a == null ? Values.str(v) : join(a, "", v, 24)),
      entry("plus", (k, v, a) -> join(orEmpty(a), "+", v, 32)),
      entry("minus", (k, v, a) -> join(orEmpty(a), "-", v, 32)),
      entry("concat_key", (k, v, a) -> join(Values.str(a), Values.str(k), v, 24)),
      entry("delete_on_long", (k, v, a) -> Values.str(v).length() > 6 ? null : join(orEmpty(a), "", v, 24)),
      entry("keep", (k, v, a) -> a));

  static final Map<String, Reducer<Object>> reducer = Map.ofEntries(
      entry("concat", (a, b) -> join(a, "", b, 24)),
      entry("plus", (a, b) -> join(a, "+", b, 32)),
      entry("minus", (a, b) -> join(a, "-", b, 32)),
      entry("last", (a, b) -> b),
      entry("first", (a, b) -> a),
      entry("max", (a, b) -> Values.compare(a, b) >= 0 ? a : b),
      entry("min", (a, b) -> Values.compare(a, b) <= 0 ? a : b),
      entry("add_long", (a, b) -> Values.parseLong(a) + Values.parseLong(b)),
      entry("sub_long", (a, b) -> Values.parseLong(a) - Values.parseLong(b)),
      entry("null_on_same", (a, b) -> Values.compare(a, b) == 0 ? null : b));

  private static String plus(Object l, Object r) {
    return Values.str(l) + "+" + Values.str(r);
  }

  static final Map<String, ValueJoinerWithKey<Object, Object, Object, Object>> joiner = Map.of(
      "pair", (k, l, r) -> plus(l, r),
      "key_pair", (k, l, r) -> Values.str(k) + ":" + plus(l, r),
      "left_only", (k, l, r) -> l,
      "null_on_same_first",
          (k, l, r) -> l != null && r != null && Values.first(l).equals(Values.first(r)) ? null : plus(l, r));

  static final Map<String, TimestampExtractor> extractor = Map.of(
      "from_value", (record, time) -> 1000000 + 100 * Values.parseLong(record.value()),
      "negative_if_even", (record, time) -> isEven(record) ? -1 : record.timestamp(),
      "partition_time", (record, time) -> isEven(record) ? time : record.timestamp());

  private static boolean isEven(ConsumerRecord<Object, Object> record) {
    return Values.parseLong(record.value()) % 2 == 0;
  }

  static <F> F named(Map<String, F> functions, String name) {
    F found = functions.get(name);
    if (found == null) throw new UnsupportedOperationException("function " + name);
    return found;
  }
}

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;

/**
 * A case from a seed: sources, steps upon them, sinks, settings, and inputs from a small alphabet, so that keys meet.
 * A few in a hundred have what Kafka refuses: a name twice, a name with a blank, a retention that is too short.
 */
final class RandomCase {
  private static final JsonNodeFactory json = JsonNodeFactory.instance;

  /** A stream or table; types as in the cases' notes, serdes by name. */
  record Handle(String id, String kt, String ks, String vt, String vs) {
    boolean windowed() {
      return kt.startsWith("windowed<");
    }
  }

  private final Random random;
  private final long seed;
  private final ArrayNode steps = json.arrayNode();
  private final List<Handle> streams = new ArrayList<>(), tables = new ArrayList<>(), globals = new ArrayList<>();
  private final Map<String, Handle> sources = new LinkedHashMap<>(), sinks = new LinkedHashMap<>();
  private final List<String> names = new ArrayList<>(), stores = new ArrayList<>();
  private final List<String> repartitioned = new ArrayList<>();  // by repartition(), or behind it
  private final boolean faulty;

  RandomCase(long seed) {
    this.seed = seed;
    this.random = new Random(seed * 0x9E3779B97F4A7C15L);
    random.nextInt();
    this.faulty = chance(12);
  }

  private boolean chance(int percent) {
    return random.nextInt(100) < percent;
  }

  @SafeVarargs
  private <T> T one(T... of) {
    return of[random.nextInt(of.length)];
  }

  private <T> T one(List<T> of) {
    return of.get(random.nextInt(of.size()));
  }

  ObjectNode make() {
    ObjectNode made = json.objectNode().put("case", "seed_" + seed).put("seed", seed);
    made.set("config", config());
    source("stream");
    if (chance(50)) source("stream");
    if (chance(55)) source("table");
    if (chance(35)) source("globalTable");
    int size = 1 + random.nextInt(8);
    for (int i = 0; i < size; ++i) grow();
    for (Handle h : List.copyOf(tables)) {
      if (chance(60)) toStream(h);
    }
    for (Handle h : List.copyOf(streams)) {
      if (chance(65)) sink(h);
    }
    // Kafka's driver has one cache for all, where an application has one for the global tables alone.
    ObjectNode config = (ObjectNode) made.get("config");
    if (!globals.isEmpty() && config.get("statestore.cache.max.bytes").intValue() < 10_000_000) {
      config.put("statestore.cache.max.bytes", 0);
    }
    made.set("topology", steps);
    made.set("inputs", new RandomInputs(random, made, sources).make());
    return made;
  }

  private ObjectNode config() {
    ObjectNode config = json.objectNode().put("application.id", "vec");
    config.put("statestore.cache.max.bytes", one(0, 0, 0, 10_000_000, 10_000_000, 200 + random.nextInt(1500)));
    config.put("topology.optimization", one("none", "none", "none", "all", "reuse.ktable.source.topics",
        "merge.repartition.topics", "reuse.ktable.source.topics,merge.repartition.topics"));
    config.put("wall_clock_start_ms", chance(10) ? 1_000_000 : 0);
    if (chance(15)) config.put("processing.guarantee", "exactly_once_v2");
    if (chance(60)) config.put("deserialization.exception.handler",
        "org.apache.kafka.streams.errors.LogAndContinueExceptionHandler");
    if (chance(50)) config.put("processing.exception.handler",
        "org.apache.kafka.streams.errors.LogAndContinueProcessingExceptionHandler");
    if (chance(8)) config.put("dsl.store.suppliers.class",
        "org.apache.kafka.streams.state.BuiltInDslStoreSuppliers$InMemoryDslStoreSuppliers");
    if (faulty && chance(15)) config.put("ensure.explicit.internal.resource.naming", "true");
    return config;
  }

  private ObjectNode step(String op, Handle from) {
    String id = "s" + steps.size();
    ObjectNode step = steps.addObject().put("id", id).put("op", op);
    if (from == null) return step;
    if (op.equals("repartition") || repartitioned.contains(from.id().split("\\.")[0])) repartitioned.add(id);
    return step.put("from", from.id());
  }

  private void name(ObjectNode step, int percent) {
    if (!chance(percent)) return;
    if (faulty && chance(15)) {
      boolean illegal = !step.path("store").asText().contains(" ") && (names.isEmpty() || chance(30));  // not both
      if (illegal) step.put("name", one("bad name!", ".", "..", "x".repeat(300)));
      if (!illegal && !names.isEmpty()) step.put("name", one(names));
      return;
    }
    names.add("n" + names.size() + one("", "-a", ".b", "_c"));
    step.put("name", names.get(names.size() - 1));
  }

  private static void serdes(ObjectNode step, Handle of) {
    step.put("key_serde", of.ks()).put("value_serde", of.vs());
  }

  private static Handle result(ObjectNode step, String kind, Handle of) {
    step.put("result", kind).put("kt", of.kt()).put("vt", of.vt());
    return new Handle(step.get("id").textValue(), of.kt(), of.ks(), of.vt(), of.vs());
  }

  private static Handle plain(String kt, String vt) {
    return new Handle("", kt, kt, vt, vt);
  }

  private static Handle valued(Handle h, String vt) {
    return new Handle("", h.kt(), h.ks(), vt, vt);
  }

  private static Handle valued(Handle keys, Handle values) {
    return new Handle("", keys.kt(), keys.ks(), values.vt(), values.vs());
  }

  private void source(String op) {
    Handle types = plain(one("string", "string", "string", "long", "int"),
        one("string", "string", "string", "long", "int", "double", "bytes"));
    String topic = (op.equals("stream") ? "in" : op.equals("table") ? "tab" : "glob") + sources.size();
    if (op.equals("stream") && !sources.isEmpty() && chance(12)) {  // of a topic that a stream reads already
      topic = one(List.copyOf(sources.keySet()));
      types = sources.get(topic);
      if (!topic.startsWith("in") && !faulty) return;
    } else if (op.equals("stream") && !sinks.isEmpty() && chance(30)) {  // of what the topology itself writes
      topic = one(List.copyOf(sinks.keySet()));
      types = sinks.get(topic);
    }
    ObjectNode step = step(op, null).put("topic", topic);
    name(step, 20);
    if (op.equals("stream") && chance(12) && !types.vt().equals("bytes")) {
      step.put("timestamps", one("from_value", "negative_if_even", "partition_time"));
    }
    if (!op.equals("stream")) store(step, 45, false, 0);
    if (op.equals("globalTable")) step.remove("materialized");  // Materialized.with: Kafka builds it, and cannot run it
    serdes(step, types);
    sources.putIfAbsent(topic, types);
    Handle made = result(step, op, types);
    (op.equals("stream") ? streams : op.equals("table") ? tables : globals).add(made);
  }

  private void store(ObjectNode step, int percent, boolean windowed, long least) {
    if (!chance(percent)) return;
    if (chance(25)) {
      step.put("materialized", "with");
    } else {
      boolean twice = faulty && !stores.isEmpty() && chance(20);
      boolean illegal = faulty && chance(8) && !step.has("name");
      String store = twice ? one(stores) : illegal ? "bad store" : "st" + stores.size();
      stores.add(store);
      step.put("store", store);
    }
    if (chance(20)) step.put("store_type", "in_memory");
    if (chance(12)) step.put("caching", false);
    if (chance(12)) {
      step.put("logging", false);
    } else if (chance(10)) {
      step.putObject("logging_config").put("min.insync.replicas", "2").put(one("segment.ms", "retention.ms"), "9000");
    }
    if (windowed && chance(35)) {
      step.put("retention_ms", faulty && chance(20) ? Math.max(0, least - 1) : least + random.nextInt(20_000));
    }
  }

  private void grow() {
    int kind = random.nextInt(100);
    if (kind < 4) {
      source("stream");
    } else if (kind < 7) {
      source("table");
    } else if (kind < 22 && !tables.isEmpty()) {
      growTable(one(tables));
    } else {
      growStream(streams.get(Math.max(random.nextInt(streams.size()), random.nextInt(streams.size()))));
    }
  }

  private void growTable(Handle table) {
    if (chance(40)) {
      toStream(table);
      return;
    }
    String op = one("filter", "filterNot", "mapValues");
    ObjectNode step = step(op, table);
    Handle after = op.equals("mapValues") ? value(step, table) : table;
    if (!op.equals("mapValues")) step.put("fn", predicate());
    name(step, 20);
    store(step, 45, false, 0);
    if (step.has("store") || step.has("materialized")) serdes(step, after);
    tables.add(result(step, "table", after));
  }

  private void toStream(Handle table) {
    ObjectNode step = step("toStream", table);
    name(step, 20);
    streams.add(result(step, "stream", chance(25) ? key(step, table) : table));
  }

  private String predicate() {
    return one("is_even", "not_null", "is_null", "contains_a", "first_below_m", "key_below_k3", "key_not_null",
        "long_word", "at_least_2", "all", "none");
  }

  /** Sets a value function that fits, and gives what comes out. */
  private Handle value(ObjectNode step, Handle in) {
    String fn = one("identity", "upper", "lower", "reverse", "length", "parse_long", "to_int", "half", "to_string",
        "add_one", "twice", "negate", "bang", "first_char", "null_if_even", "before_bar", "boom_on_z", "or_empty",
        "show", "key_value");
    boolean number = List.of("long", "int", "double").contains(in.vt());
    if (List.of("add_one", "twice", "negate").contains(fn) && !number) fn = "null_if_even";
    if (List.of("upper", "lower", "reverse", "or_empty").contains(fn) && !in.vt().equals("string")) fn = "to_string";
    step.put("fn", fn);
    return switch (fn) {
      case "length", "parse_long" -> valued(in, "long");
      case "to_int" -> valued(in, "int");
      case "half" -> valued(in, "double");
      case "identity", "null_if_even", "boom_on_z", "add_one", "twice", "negate" -> in;
      default -> valued(in, "string");
    };
  }

  /** Sets a key function that fits, and gives what comes out. */
  private Handle key(ObjectNode step, Handle in) {
    String fn = one("first_char_key", "first_char_key", "value_as_key", "key_first_char", "key_reverse", "mod3", "mod3",
        "null_key", "same_key", "before_bar_key", in.windowed() ? "window_key" : "mod3",
        in.windowed() ? "key_of_window" : "first_char_key", in.windowed() ? "key_of_window" : "same_key");
    step.put("fn", fn);
    return switch (fn) {
      case "value_as_key" -> new Handle("", in.vt(), in.vs(), in.vt(), in.vs());
      case "same_key" -> in;
      case "null_key" -> in.windowed() ? valued(plain("string", ""), in) : in;  // Kafka's partitioner: not null
      case "key_of_window" -> {
        String inner = in.kt().substring(9, in.kt().length() - 1);
        yield new Handle("", inner, inner, in.vt(), in.vs());
      }
      default -> new Handle("", "string", "string", in.vt(), in.vs());
    };
  }

  private Handle pair(ObjectNode step, Handle in) {
    String fn = one("swap", "first_char_upper", "mod3_pair", "first_char_pair", "before_bar_pair", "first_char_length",
        "null_on_q");
    if (fn.equals("swap") && in.windowed()) fn = "mod3_pair";
    step.put("fn", fn);
    return switch (fn) {
      case "swap" -> new Handle("", in.vt(), in.vs(), in.kt(), in.ks());
      case "first_char_upper" -> plain("string", "string");
      case "first_char_length" -> plain("string", "long");
      default -> new Handle("", "string", "string", in.vt(), in.vs());
    };
  }

  private void growStream(Handle in) {
    switch (random.nextInt(16)) {
      case 0 -> {
        ObjectNode step = step(one("filter", "filterNot"), in).put("fn", predicate());
        add(step, in);
      }
      case 1 -> {
        ObjectNode step = step("mapValues", in);
        add(step, value(step, in));
      }
      case 2 -> {
        ObjectNode step = step("flatMapValues", in);
        String fn = one("split_words", "repeat_twice", "drop_all", "countdown", "countdown");
        boolean text = fn.equals("split_words") || fn.equals("countdown");
        add(step.put("fn", fn), text ? valued(in, "string") : in);
      }
      case 3 -> {
        ObjectNode step = step("map", in);
        add(step, pair(step, in));
      }
      case 4 -> {
        String fn = in.kt().equals("string") ? one("words_as_keys", "both_ways", "empty") : "words_as_keys";
        add(step("flatMap", in).put("fn", fn), fn.equals("words_as_keys") ? plain("string", "string") : in);
      }
      case 5 -> {
        ObjectNode step = step("selectKey", in);
        add(step, key(step, in));
      }
      case 6 -> merge(in);
      case 7 -> split(in);
      case 8 -> repartition(in);
      case 9 -> toTable(in);
      case 10, 11, 12 -> aggregate(in);
      case 13, 14 -> join(in);
      default -> {
        ObjectNode step = step(chance(70) ? "peek" : "foreach", in);
        name(step, 25);
        if (step.get("op").textValue().equals("peek")) streams.add(result(step, "stream", in));
      }
    }
  }

  private void add(ObjectNode step, Handle after) {
    name(step, 25);
    streams.add(result(step, "stream", after));
  }

  private static boolean alike(Handle a, Handle b) {
    return a.ks().equals(b.ks()) && a.vs().equals(b.vs());
  }

  private void merge(Handle in) {
    List<Handle> others = streams.stream().filter(s -> alike(s, in) && (s != in || chance(10))).toList();
    if (others.isEmpty()) return;
    Handle with = one(others);
    ObjectNode step = step("merge", in).put("with", with.id());
    if (repartitioned.contains(with.id().split("\\.")[0])) repartitioned.add(step.get("id").textValue());
    add(step, in);
  }

  private void split(Handle in) {
    ObjectNode step = step("split", in);
    name(step, 40);
    boolean unnamed = chance(20);
    if (unnamed) step.put("unnamed", true);
    ArrayNode branches = step.putArray("branches");
    int count = 1 + random.nextInt(3);
    String id = step.get("id").textValue();
    List<String> ids = new ArrayList<>();
    for (int i = 0; i < count; ++i) {
      ids.add(faulty && i > 0 && chance(5) ? ids.get(0) : "b" + i);
      branches.addObject().put("name", ids.get(i)).put("fn", predicate());
    }
    if (chance(60)) {
      step.put("default", "rest");
      ids.add("rest");
    }
    for (String branch : ids) streams.add(new Handle(id + "." + branch, in.kt(), in.ks(), in.vt(), in.vs()));
  }

  private void repartition(Handle in) {
    ObjectNode step = step("repartition", in);
    name(step, 50);
    if (chance(15)) step.put("partitions", 1 + random.nextInt(3));
    serdes(step, in);
    streams.add(result(step, "stream", in));
  }

  private void toTable(Handle in) {
    ObjectNode step = step("toTable", in);
    name(step, 25);
    store(step, in.ks().equals("string") && in.vs().equals("string") ? 60 : 100, false, 0);
    if (step.has("store") || step.has("materialized")) serdes(step, in);
    tables.add(result(step, "table", in));
  }

  private void aggregate(Handle in) {
    ObjectNode grouping = step(one("groupByKey", "groupBy"), in);
    Handle grouped = grouping.get("op").textValue().equals("groupBy") ? key(grouping, in) : in;
    name(grouping, 30);
    serdes(grouping, grouped);
    grouped = result(grouping, "grouped", grouped);
    long size = 0, grace = 0;
    if (chance(45) && !grouped.windowed()) {
      size = one(100L, 500L, 1000L, 1000L, 3000L);
      grace = one(0L, 0L, 300L, 1000L, 5000L);
      ObjectNode windows = step("windowedBy", grouped);
      boolean hopping = chance(45);
      windows.put("type", hopping ? "hopping" : "tumbling").put("size_ms", faulty && chance(4) ? 0 : size);
      long advance = one(size, size / 2, size * 2 / 3, Math.min(size, 77));
      if (hopping) windows.put("advance_ms", faulty && chance(10) ? size + 1 : advance);
      if (grace > 0 || chance(60)) windows.put("grace_ms", faulty && chance(5) ? -1 : grace);
      grouped = result(windows, "windowed", grouped);
    }
    aggregate(grouped, size, grace);
  }

  private void aggregate(Handle grouped, long size, long grace) {
    boolean windowed = size > 0;
    String op = one("count", "reduce", "aggregate");
    ObjectNode step = step(op, grouped);
    String vt = op.equals("count") ? "long" : op.equals("reduce") ? reducer(step, grouped) : aggregator(step);
    boolean free = !op.equals("aggregate") || (vt.equals("string") && grouped.ks().equals("string"));
    store(step, free ? 65 : 100, windowed, size + grace);
    Handle after = new Handle("", grouped.kt(), grouped.ks(), vt, vt.equals(grouped.vt()) ? grouped.vs() : vt);
    if (step.has("store") || step.has("materialized")) serdes(step, after);
    if (windowed || op.equals("count") || step.has("store") || step.has("materialized")) name(step, 20);
    if (windowed) {
      after = new Handle("", "windowed<" + after.kt() + ">", "time_windowed:" + after.ks() + ":" + size, after.vt(),
          after.vs());
    }
    tables.add(result(step, "table", after));
  }

  private String reducer(ObjectNode step, Handle grouped) {
    String fn = switch (grouped.vt()) {
      case "string" -> one("concat", "plus", "minus", "last", "first", "max", "min", "null_on_same");
      case "long" -> one("add_long", "sub_long", "last", "first", "max", "min", "null_on_same");
      case "int", "double" -> one("last", "first", "max", "min", "null_on_same");
      default -> one("last", "first");
    };
    step.put("fn", fn);
    return grouped.vt();
  }

  private String aggregator(ObjectNode step) {
    String init = one("zero", "zero", "empty", "empty", "zero_double", "null");
    boolean number = chance(40);
    step.put("init", init).put("agg", switch (init) {
      case "zero" -> one("add_one_agg", "sub_one_agg", "add_long", "sub_long", "add_length", "sub_length", "max_long");
      case "empty" -> one("concat", "concat_or_new", "plus", "minus", "concat_key", "delete_on_long", "keep");
      case "zero_double" -> "add_half";
      default -> number ? one("add_long", "add_one_agg") : one("concat_or_new", "plus", "delete_on_long", "keep");
    });
    return init.equals("zero_double") ? "double" : init.equals("zero") || (init.equals("null") && number) ? "long"
        : "string";
  }

  private void join(Handle in) {
    // A left join lets Kafka's repartition() keep null keys; here its type says that there are none.
    String op = repartitioned.contains(in.id().split("\\.")[0]) ? "join" : one("join", "leftJoin");
    String fn = one("pair", "key_pair", "left_only", "null_on_same_first");
    Handle after = fn.equals("left_only") ? in : valued(in, "string");
    List<Handle> fitting = tables.stream().filter(t -> t.ks().equals(in.ks())).toList();
    if (!globals.isEmpty() && (fitting.isEmpty() || chance(35))) {
      Handle global = one(globals);
      String by = joinKey(in, global);
      if (by == null) return;
      add(step(op, in).put("with", global.id()).put("by", by).put("fn", fn), after);
      return;
    }
    if (fitting.isEmpty()) return;
    Handle table = one(fitting);
    ObjectNode step = step(op, in).put("with", table.id()).put("fn", fn);
    name(step, 25);
    boolean text = in.ks().equals("string") && in.vs().equals("string") && table.vs().equals("string");
    if (step.has("name") || !text || chance(70)) {
      serdes(step, in);
      step.put("other_value_serde", table.vs());
    }
    streams.add(result(step, "stream", after));
  }

  private String joinKey(Handle in, Handle global) {
    List<String> fitting = new ArrayList<>();
    if (in.ks().equals(global.ks())) fitting.addAll(List.of("same_key", "null_key"));
    if (in.vs().equals(global.ks())) fitting.add("value_as_key");
    if (global.ks().equals("string")) fitting.addAll(List.of("key_reverse", "first_char_key", "before_bar_key"));
    return fitting.isEmpty() ? null : one(fitting);
  }

  private void sink(Handle h) {
    String topic = "out" + sinks.size();
    List<String> fitting =
        sinks.keySet().stream().filter(t -> alike(sinks.get(t), h) && !sources.containsKey(t)).toList();
    if (!fitting.isEmpty() && chance(10)) topic = one(fitting);
    ObjectNode step = step("to", h).put("topic", topic);
    name(step, 20);
    serdes(step, h);
    sinks.put(topic, h);
    if (chance(12)) {
      source("stream");
      growStream(streams.get(streams.size() - 1));
    }
  }
}

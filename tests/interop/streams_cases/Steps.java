import com.fasterxml.jackson.databind.JsonNode;
import java.time.Duration;
import java.util.HashMap;
import java.util.Map;
import org.apache.kafka.common.serialization.Serde;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.kstream.Branched;
import org.apache.kafka.streams.kstream.BranchedKStream;
import org.apache.kafka.streams.kstream.Consumed;
import org.apache.kafka.streams.kstream.GlobalKTable;
import org.apache.kafka.streams.kstream.Grouped;
import org.apache.kafka.streams.kstream.Initializer;
import org.apache.kafka.streams.kstream.Joined;
import org.apache.kafka.streams.kstream.KGroupedStream;
import org.apache.kafka.streams.kstream.KStream;
import org.apache.kafka.streams.kstream.KTable;
import org.apache.kafka.streams.kstream.Materialized;
import org.apache.kafka.streams.kstream.Named;
import org.apache.kafka.streams.kstream.Produced;
import org.apache.kafka.streams.kstream.Repartitioned;
import org.apache.kafka.streams.kstream.TimeWindowedKStream;
import org.apache.kafka.streams.kstream.TimeWindows;
import org.apache.kafka.streams.kstream.ValueJoinerWithStreamAndMappedKey;
import org.apache.kafka.streams.kstream.ValueMapperWithKey;
import org.apache.kafka.streams.state.BuiltInDslStoreSuppliers;

/** Builds a case's topology through Kafka Streams' DSL: the overload that has what a step has, and no other. */
@SuppressWarnings({"unchecked", "rawtypes"})
final class Steps {
  final StreamsBuilder builder;
  private final Map<String, Object> handles = new HashMap<>();

  Steps(StreamsBuilder builder) {
    this.builder = builder;
  }

  void step(JsonNode s) {
    if (!s.has("from")) {
      put(s, source(s));
      return;
    }
    Object from = handles.get(text(s, "from"));
    if (from instanceof KStream stream) {
      put(s, ofStream(s, stream));
    } else if (from instanceof KTable table) {
      put(s, ofTable(s, table));
    } else if (from instanceof KGroupedStream grouped) {
      put(s, text(s, "op").equals("windowedBy") ? windowed(s, grouped) : aggregated(s, grouped));
    } else if (from instanceof TimeWindowedKStream windowed) {
      put(s, aggregatedWindows(s, windowed));
    } else {
      throw unsupported(s);
    }
  }

  private static UnsupportedOperationException unsupported(JsonNode s) {
    return new UnsupportedOperationException(s.toString());
  }

  private void put(JsonNode s, Object handle) {
    if (handle != null) handles.put(text(s, "id"), handle);
  }

  private static String text(JsonNode s, String field) {
    return s.has(field) ? s.get(field).textValue() : null;
  }

  private static Named name(JsonNode s) {
    return s.has("name") ? Named.as(text(s, "name")) : null;
  }

  private static Serde<Object> serde(JsonNode s, String field) {
    return s.has(field) ? Values.serde(text(s, field)) : null;
  }

  private static Materialized materialized(JsonNode s) {
    if (!s.has("store") && !s.has("materialized")) return null;
    Serde<Object> key = serde(s, "key_serde"), value = serde(s, "value_serde");
    Materialized m = s.has("store")
        ? Materialized.as(text(s, "store")).withKeySerde((Serde) key).withValueSerde((Serde) value)
        : Materialized.with(key, value);
    if ("in_memory".equals(text(s, "store_type"))) m.withStoreType(BuiltInDslStoreSuppliers.IN_MEMORY);
    if (s.has("retention_ms")) m.withRetention(Duration.ofMillis(s.get("retention_ms").longValue()));
    if (s.has("logging") && !s.get("logging").booleanValue()) m.withLoggingDisabled();
    if (s.has("caching") && !s.get("caching").booleanValue()) m.withCachingDisabled();
    if (s.has("logging_config")) {
      Map<String, String> config = new HashMap<>();
      s.get("logging_config").properties().forEach(e -> config.put(e.getKey(), e.getValue().textValue()));
      m.withLoggingEnabled(config);
    }
    return m;
  }

  private Object source(JsonNode s) {
    Consumed consumed = Consumed.with(serde(s, "key_serde"), serde(s, "value_serde"));
    if (s.has("name")) consumed = consumed.withName(text(s, "name"));
    if (s.has("timestamps")) {
      consumed = consumed.withTimestampExtractor(Functions.named(Functions.extractor, text(s, "timestamps")));
    }
    String topic = text(s, "topic");
    Materialized m = materialized(s);
    return switch (text(s, "op")) {
      case "stream" -> builder.stream(topic, consumed);
      case "table" -> m == null ? builder.table(topic, consumed) : builder.table(topic, consumed, m);
      case "globalTable" -> m == null ? builder.globalTable(topic, consumed) : builder.globalTable(topic, consumed, m);
      default -> throw unsupported(s);
    };
  }

  private Object ofStream(JsonNode s, KStream in) {
    Named name = name(s);
    return switch (text(s, "op")) {
      case "filter" -> filter(s, in, false);
      case "filterNot" -> filter(s, in, true);
      case "merge" -> {
        KStream with = (KStream) handles.get(text(s, "with"));
        yield name == null ? in.merge(with) : in.merge(with, name);
      }
      case "split" -> split(s, in);
      case "to" -> {
        Produced produced = Produced.with(serde(s, "key_serde"), serde(s, "value_serde"));
        in.to(text(s, "topic"), s.has("name") ? produced.withName(text(s, "name")) : produced);
        yield null;
      }
      case "repartition" -> repartition(s, in);
      case "toTable" -> {
        Materialized m = materialized(s);
        if (m == null) yield name == null ? in.toTable() : in.toTable(name);
        yield name == null ? in.toTable(m) : in.toTable(name, m);
      }
      case "groupByKey" -> in.groupByKey(grouping(s));
      case "groupBy" -> in.groupBy(Functions.named(Functions.key, text(s, "fn")), grouping(s));
      case "join" -> join(s, in, false);
      case "leftJoin" -> join(s, in, true);
      default -> mapped(s, in);
    };
  }

  private static Object filter(JsonNode s, KStream in, boolean not) {
    var p = Functions.named(Functions.predicate, text(s, "fn"));
    Named name = name(s);
    if (not) return name == null ? in.filterNot(p) : in.filterNot(p, name);
    return name == null ? in.filter(p) : in.filter(p, name);
  }

  private static Object repartition(JsonNode s, KStream in) {
    Repartitioned r = Repartitioned.with(serde(s, "key_serde"), serde(s, "value_serde"));
    if (s.has("name")) r = r.withName(text(s, "name"));
    if (s.has("partitions")) r = r.withNumberOfPartitions(s.get("partitions").intValue());
    return in.repartition(r);
  }

  private static Grouped grouping(JsonNode s) {
    Serde<Object> key = serde(s, "key_serde"), value = serde(s, "value_serde");
    return s.has("name") ? Grouped.with(text(s, "name"), key, value) : Grouped.with(key, value);
  }

  private static ValueMapperWithKey withKey(Functions.Mapper f) {
    return (k, v) -> f.apply(k, v);
  }

  private static Object mapped(JsonNode s, KStream in) {
    Named name = name(s);
    String fn = text(s, "fn");
    switch (text(s, "op")) {
      case "mapValues" -> {
        ValueMapperWithKey f = withKey(Functions.named(Functions.value, fn));
        return name == null ? in.mapValues(f) : in.mapValues(f, name);
      }
      case "flatMapValues" -> {
        var list = Functions.named(Functions.flat, fn);
        ValueMapperWithKey f = (k, v) -> list.apply(k, v);
        return name == null ? in.flatMapValues(f) : in.flatMapValues(f, name);
      }
      case "map" -> {
        var f = Functions.named(Functions.pair, fn);
        return name == null ? in.map(f) : in.map(f, name);
      }
      case "flatMap" -> {
        var f = Functions.named(Functions.flatPairs, fn);
        return name == null ? in.flatMap(f) : in.flatMap(f, name);
      }
      case "selectKey" -> {
        var f = Functions.named(Functions.key, fn);
        return name == null ? in.selectKey(f) : in.selectKey(f, name);
      }
      case "peek" -> {
        return name == null ? in.peek((k, v) -> {}) : in.peek((k, v) -> {}, name);
      }
      case "foreach" -> {
        if (name == null) in.foreach((k, v) -> {});
        if (name != null) in.foreach((k, v) -> {}, name);
        return null;
      }
      default -> throw unsupported(s);
    }
  }

  private Object split(JsonNode s, KStream in) {
    Named name = name(s);
    BranchedKStream split = name == null ? in.split() : in.split(name);
    boolean unnamed = s.has("unnamed") && s.get("unnamed").booleanValue();
    for (JsonNode b : s.get("branches")) {
      split = split.branch(Functions.named(Functions.predicate, text(b, "fn")), branch(s, text(b, "name"), unnamed));
    }
    if (s.hasNonNull("default")) {
      split.defaultBranch(branch(s, text(s, "default"), unnamed));
    } else {
      split.noDefaultBranch();
    }
    return null;
  }

  private Branched branch(JsonNode s, String name, boolean unnamed) {
    java.util.function.Consumer<KStream> keep = stream -> handles.put(text(s, "id") + "." + name, stream);
    return unnamed ? Branched.withConsumer((java.util.function.Consumer) keep)
        : Branched.withConsumer((java.util.function.Consumer) keep, name);
  }

  private Object join(JsonNode s, KStream in, boolean left) {
    Object with = handles.get(text(s, "with"));
    var f = Functions.named(Functions.joiner, text(s, "fn"));
    Named name = name(s);
    if (with instanceof GlobalKTable global) {
      var by = Functions.named(Functions.key, text(s, "by"));
      ValueJoinerWithStreamAndMappedKey g = (key, mapped, l, r) -> f.apply(key, l, r);
      if (left) return name == null ? in.leftJoin(global, by, g) : in.leftJoin(global, by, g, name);
      return name == null ? in.join(global, by, g) : in.join(global, by, g, name);
    }
    if (!(with instanceof KTable table)) throw unsupported(s);
    if (!s.has("key_serde") && name == null) return left ? in.leftJoin(table, f) : in.join(table, f);
    Joined j = Joined.with(serde(s, "key_serde"), serde(s, "value_serde"), serde(s, "other_value_serde"));
    if (name != null) j = j.withName(text(s, "name"));
    return left ? in.leftJoin(table, f, j) : in.join(table, f, j);
  }

  private Object ofTable(JsonNode s, KTable in) {
    Named name = name(s);
    Materialized m = materialized(s);
    String fn = text(s, "fn");
    switch (text(s, "op")) {
      case "filter" -> {
        var p = Functions.named(Functions.predicate, fn);
        if (m == null) return name == null ? in.filter(p) : in.filter(p, name);
        return name == null ? in.filter(p, m) : in.filter(p, name, m);
      }
      case "filterNot" -> {
        var p = Functions.named(Functions.predicate, fn);
        if (m == null) return name == null ? in.filterNot(p) : in.filterNot(p, name);
        return name == null ? in.filterNot(p, m) : in.filterNot(p, name, m);
      }
      case "mapValues" -> {
        ValueMapperWithKey f = withKey(Functions.named(Functions.value, fn));
        if (m == null) return name == null ? in.mapValues(f) : in.mapValues(f, name);
        return name == null ? in.mapValues(f, m) : in.mapValues(f, name, m);
      }
      case "toStream" -> {
        if (fn == null) return name == null ? in.toStream() : in.toStream(name);
        var f = Functions.named(Functions.key, fn);
        return name == null ? in.toStream(f) : in.toStream(f, name);
      }
      default -> throw unsupported(s);
    }
  }

  private static Object windowed(JsonNode s, KGroupedStream in) {
    Duration size = Duration.ofMillis(s.get("size_ms").longValue());
    TimeWindows windows = s.has("grace_ms")
        ? TimeWindows.ofSizeAndGrace(size, Duration.ofMillis(s.get("grace_ms").longValue()))
        : TimeWindows.ofSizeWithNoGrace(size);
    if (text(s, "type").equals("hopping")) {
      windows = windows.advanceBy(Duration.ofMillis(s.get("advance_ms").longValue()));
    } else if (!text(s, "type").equals("tumbling")) {
      throw unsupported(s);
    }
    return in.windowedBy(windows);
  }

  private static Object aggregated(JsonNode s, KGroupedStream in) {
    Named name = name(s);
    Materialized m = materialized(s);
    switch (text(s, "op")) {
      case "count" -> {
        if (m == null) return name == null ? in.count() : in.count(name);
        return name == null ? in.count(m) : in.count(name, m);
      }
      case "reduce" -> {
        var f = Functions.named(Functions.reducer, text(s, "fn"));
        if (m == null) return in.reduce(f);
        return name == null ? in.reduce(f, m) : in.reduce(f, name, m);
      }
      case "aggregate" -> {
        Initializer init = () -> Functions.initial(text(s, "init"));
        var f = Functions.named(Functions.aggregator, text(s, "agg"));
        if (m == null) return in.aggregate(init, f);
        return name == null ? in.aggregate(init, f, m) : in.aggregate(init, f, name, m);
      }
      default -> throw unsupported(s);
    }
  }

  private static Object aggregatedWindows(JsonNode s, TimeWindowedKStream in) {
    Named name = name(s);
    Materialized m = materialized(s);
    switch (text(s, "op")) {
      case "count" -> {
        if (m == null) return name == null ? in.count() : in.count(name);
        return name == null ? in.count(m) : in.count(name, m);
      }
      case "reduce" -> {
        var f = Functions.named(Functions.reducer, text(s, "fn"));
        if (m == null) return name == null ? in.reduce(f) : in.reduce(f, name);
        return name == null ? in.reduce(f, m) : in.reduce(f, name, m);
      }
      case "aggregate" -> {
        Initializer init = () -> Functions.initial(text(s, "init"));
        var f = Functions.named(Functions.aggregator, text(s, "agg"));
        if (m == null) return name == null ? in.aggregate(init, f) : in.aggregate(init, f, name);
        return name == null ? in.aggregate(init, f, m) : in.aggregate(init, f, name, m);
      }
      default -> throw unsupported(s);
    }
  }
}

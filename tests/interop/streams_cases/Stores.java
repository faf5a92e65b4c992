import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.TreeSet;
import org.apache.kafka.common.utils.Bytes;
import org.apache.kafka.streams.KeyValue;
import org.apache.kafka.streams.TopologyTestDriver;
import org.apache.kafka.streams.kstream.Windowed;
import org.apache.kafka.streams.processor.StateStore;
import org.apache.kafka.streams.state.KeyValueIterator;
import org.apache.kafka.streams.state.TimestampedKeyValueStore;
import org.apache.kafka.streams.state.TimestampedWindowStore;
import org.apache.kafka.streams.state.ValueAndTimestamp;
import org.apache.kafka.streams.state.WindowStoreIterator;

/** What the stores hold in the end, and what their own read methods give. */
@SuppressWarnings({"unchecked", "rawtypes"})
final class Stores {
  private static final JsonNodeFactory json = JsonNodeFactory.instance;
  private static final long endOfTime = 1L << 50;

  private final Map<String, StateStore> stores;
  private final JsonNode recorded;
  private final Map<String, String> keySerdes = new TreeMap<>();

  Stores(TopologyTestDriver driver, JsonNode recorded) {
    this.stores = new TreeMap<>(driver.getAllStateStores());
    this.recorded = recorded;
    for (JsonNode step : recorded.get("topology")) {
      if (step.has("store") && step.has("key_serde")) {
        keySerdes.put(step.get("store").textValue(), step.get("key_serde").textValue());
      }
    }
  }

  ObjectNode rows() {
    ObjectNode all = json.objectNode();
    stores.forEach((name, store) -> {
      List<ObjectNode> rows = new ArrayList<>();
      if (store instanceof TimestampedWindowStore windows) {
        KeyValueIterator<Windowed<Object>, ValueAndTimestamp<Object>> found = windows.fetchAll(0L, endOfTime);
        for (var e : list(found)) {
          rows.add(row(e.key.key(), e.value, e.key.window().start()));
        }
        rows.sort(Comparator.<ObjectNode, Long>comparing(r -> r.get("start").longValue()));
      } else if (store instanceof TimestampedKeyValueStore keys) {
        for (Object key : keys(keys.all())) rows.add(row(key, (ValueAndTimestamp) keys.get(key), null));
      } else {
        return;
      }
      rows.sort(Comparator.comparing(r -> r.get("key").toString()));
      ObjectNode shown = all.putObject(name);
      shown.put("type", store instanceof TimestampedWindowStore ? "timestamped_window" : "timestamped_kv");
      shown.putArray("rows").addAll(rows);
    });
    return all;
  }

  private static ObjectNode row(Object key, ValueAndTimestamp<Object> value, Long start) {
    ObjectNode row = json.objectNode();
    row.set("key", Values.toJson(key));
    if (start != null) row.put("start", start);
    row.set("value", Values.toJson(value.value()));
    return row.put("timestamp", value.timestamp());
  }

  private static <K, V> List<KeyValue<K, V>> list(KeyValueIterator<K, V> iterator) {
    List<KeyValue<K, V>> list = new ArrayList<>();
    try (iterator) {
      iterator.forEachRemaining(list::add);
    }
    return list;
  }

  private static List<Object> keys(KeyValueIterator iterator) {
    List<Object> keys = new ArrayList<>();
    for (Object e : list(iterator)) keys.add(((KeyValue) e).key);
    return keys;
  }

  /** The recorded ones again, or ones around the middle third of what is there. */
  ArrayNode queries() {
    ArrayNode answers = json.arrayNode();
    if (recorded.has("queries")) {
      for (JsonNode q : recorded.get("queries")) answers.add(answer(((ObjectNode) q).deepCopy()));
      return answers;
    }
    stores.forEach((name, store) -> {
      if (store instanceof TimestampedWindowStore windows) {
        ofWindows(name, windows).forEach(q -> answers.add(answer(q)));
      } else if (store instanceof TimestampedKeyValueStore keys && !keySerde(name).startsWith("time_windowed")) {
        ofKeys(name, keys).forEach(q -> answers.add(answer(q)));
      }
    });
    return answers;
  }

  private static ObjectNode query(String store, String q) {
    return json.objectNode().put("store", store).put("q", q);
  }

  private static List<ObjectNode> ofKeys(String name, TimestampedKeyValueStore store) {
    List<ObjectNode> queries = new ArrayList<>(List.of(query(name, "all"), query(name, "reverse_all")));
    List<Object> keys = keys(store.all());
    if (keys.isEmpty()) return queries;
    JsonNode from = Values.toJson(keys.get(keys.size() / 3)), to = Values.toJson(keys.get(keys.size() * 2 / 3));
    queries.add(query(name, "range").<ObjectNode>set("from", from).set("to", to));
    queries.add(query(name, "reverse_range").<ObjectNode>set("from", json.nullNode()).set("to", to));
    return queries;
  }

  private static List<ObjectNode> ofWindows(String name, TimestampedWindowStore store) {
    List<ObjectNode> queries = new ArrayList<>(List.of(query(name, "all")));
    List<Object> found = keys(store.fetchAll(0L, endOfTime));
    if (found.isEmpty()) return queries;
    TreeSet<Long> starts = new TreeSet<>();
    for (Object w : found) starts.add(((Windowed) w).window().start());
    List<Long> times = new ArrayList<>(starts);
    long from = times.get(times.size() / 3), to = times.get(times.size() * 2 / 3);
    JsonNode one = Values.toJson(((Windowed) found.get(found.size() / 3)).key());
    JsonNode other = Values.toJson(((Windowed) found.get(found.size() * 2 / 3)).key());
    for (String q : List.of("fetch_all", "backward_fetch_all", "fetch", "backward_fetch", "fetch_range")) {
      ObjectNode query = query(name, q);
      if (q.equals("fetch") || q.equals("backward_fetch")) query.set("key", one);
      if (q.equals("fetch_range")) query.<ObjectNode>set("from", one).set("to", other);
      queries.add(query.put("time_from", from).put("time_to", to));
    }
    return queries;
  }

  private ObjectNode answer(ObjectNode q) {
    StateStore store = stores.get(q.get("store").textValue());
    List<String> printed = new ArrayList<>();
    if (store instanceof TimestampedWindowStore windows) {
      long from = q.path("time_from").longValue(), to = q.path("time_to").longValue();
      String name = q.get("q").textValue();
      if (name.equals("fetch") || name.equals("backward_fetch")) {
        Object key = key(q, "key");
        WindowStoreIterator<?> found =
            name.equals("fetch") ? windows.fetch(key, from, to) : windows.backwardFetch(key, from, to);
        for (KeyValue<Long, ?> e : list(found)) printed.add(e.key.toString());
      } else {
        for (Object key : keys(windowsFound(q, windows, from, to))) printed.add(Values.str(key));
      }
    } else {
      for (Object key : keys(rowsFound(q, (TimestampedKeyValueStore) store))) printed.add(Values.str(key));
    }
    ArrayNode keys = q.putArray("keys");
    printed.stream().limit(10).forEach(keys::add);
    return q.put("count", printed.size());
  }

  private KeyValueIterator windowsFound(ObjectNode q, TimestampedWindowStore store, long from, long to) {
    return switch (q.get("q").textValue()) {
      case "all" -> store.all();
      case "backward_all" -> store.backwardAll();
      case "fetch_all" -> store.fetchAll(from, to);
      case "backward_fetch_all" -> store.backwardFetchAll(from, to);
      case "fetch_range" -> store.fetch(key(q, "from"), key(q, "to"), from, to);
      default -> throw new UnsupportedOperationException(q.toString());
    };
  }

  private KeyValueIterator rowsFound(ObjectNode q, TimestampedKeyValueStore store) {
    return switch (q.get("q").textValue()) {
      case "all" -> store.all();
      case "reverse_all" -> store.reverseAll();
      case "range" -> store.range(key(q, "from"), key(q, "to"));
      case "reverse_range" -> store.reverseRange(key(q, "from"), key(q, "to"));
      default -> throw new UnsupportedOperationException(q.toString());
    };
  }

  private Object key(ObjectNode q, String field) {
    return Values.fromJson(q.get(field), keySerde(q.get("store").textValue()));
  }

  private String keySerde(String store) {
    if (keySerdes.containsKey(store)) return keySerdes.get(store);
    StateStore opened = stores.get(store);
    List<Object> keys = opened instanceof TimestampedWindowStore windows ? keys(windows.fetchAll(0L, endOfTime))
        : keys(((TimestampedKeyValueStore) opened).all());
    Object key = keys.isEmpty() ? "" : keys.get(0);
    if (opened instanceof TimestampedWindowStore && key instanceof Windowed<?> w) key = w.key();
    if (key instanceof Windowed) return "time_windowed";
    if (key instanceof Bytes) return "bytes";
    return key instanceof Long ? "long" : key instanceof Integer ? "int" : key instanceof Double ? "double" : "string";
  }
}

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.lang.reflect.Field;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import org.apache.kafka.clients.consumer.MockConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.MockProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.internals.RecordHeaders;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.Topology;
import org.apache.kafka.streams.TopologyConfig;
import org.apache.kafka.streams.TopologyTestDriver;
import org.apache.kafka.streams.processor.internals.InternalTopicConfig;
import org.apache.kafka.streams.processor.internals.InternalTopologyBuilder;
import org.apache.kafka.streams.test.TestRecord;

/** Drives one case through Kafka's own TopologyTestDriver; writes down all that it did, as the cases' README says. */
final class Recorder {
  private static final JsonNodeFactory json = JsonNodeFactory.instance;
  private static final long dayMs = 86_400_000;

  private final ObjectNode in;
  private final ObjectNode out = json.objectNode();
  private final Map<String, ArrayNode> outputs = new TreeMap<>();
  private final Map<String, ArrayNode> changelogs = new TreeMap<>();
  private final Map<String, ArrayNode> repartitions = new TreeMap<>();

  private Recorder(ObjectNode in) {
    this.in = in;
  }

  /** Takes a case with config, topology and inputs (and, if it has been recorded before, its queries). */
  static ObjectNode record(ObjectNode in) throws IOException {
    Recorder recorder = new Recorder(in);
    Path state = Files.createTempDirectory("streams_cases");
    try {
      recorder.run(state);
    } finally {
      try (var files = Files.walk(state)) {
        files.sorted(Comparator.reverseOrder()).forEach(file -> file.toFile().delete());
      }
    }
    return recorder.out;
  }

  private Properties properties(Path state) {
    Properties p = new Properties();
    in.get("config").properties().forEach(e -> {
      if (!e.getKey().equals("wall_clock_start_ms")) p.put(e.getKey(), e.getValue().asText());
    });
    p.put("bootstrap.servers", "none:1");
    p.put("state.dir", state.toString());
    p.put("default.key.serde", Serdes.StringSerde.class);
    p.put("default.value.serde", Serdes.StringSerde.class);
    p.put("metrics.recording.level", "DEBUG");
    for (String throttle : List.of("__emit.interval.ms.kstreams.outer.join.spurious.results.fix__",
        "__emit.interval.ms.kstreams.windowed.aggregation__")) {
      if (!p.containsKey(throttle)) p.put(throttle, 0L);
    }
    return p;
  }

  private Topology build(Properties properties) {
    Steps steps = new Steps(new StreamsBuilder(new TopologyConfig(new StreamsConfig(properties))));
    for (JsonNode step : in.get("topology")) steps.step(step);
    return steps.builder.build(properties);
  }

  private void run(Path state) {
    out.set("case", in.get("case"));
    out.set("seed", in.has("seed") ? in.get("seed") : json.numberNode(0));
    out.put("kafka_streams", "4.4.0");
    out.set("config", in.get("config"));
    out.set("topology", in.get("topology"));
    Properties properties = properties(state);
    ObjectNode built = json.objectNode();
    TopologyTestDriver driver;
    try {
      Topology topology = build(properties);
      built.put("describe", topology.describe().toString());
      topics(build(properties), properties, built);
      long start = in.get("config").path("wall_clock_start_ms").longValue();
      driver = new TopologyTestDriver(topology, properties, Instant.ofEpochMilli(start));
    } catch (UnsupportedOperationException e) {
      throw e;
    } catch (Exception e) {
      out.set("inputs", json.arrayNode());
      out.set("error", error(e, json.objectNode().put("at", "build")));
      return;
    }
    out.setAll(built);
    types();
    out.set("inputs", in.get("inputs"));
    try {
      pipeAll(driver);
    } finally {
      try {
        driver.close();
      } catch (Exception e) {  // what failed before fails again here
      }
    }
  }

  private static ObjectNode error(Throwable e, ObjectNode error) {
    ArrayNode chain = json.arrayNode();
    for (Throwable link = e; link != null; link = link.getCause()) {
      String message = link.getMessage();
      int objects = message == null ? -1 : message.indexOf("OptimizableRepartitionNode{");  // with their addresses
      chain.addObject().put("class", link.getClass().getName())
          .put("message", objects < 0 ? message : message.substring(0, objects));
    }
    return error.setAll(Map.of("class", chain.get(0).get("class"), "message", chain.get(0).get("message"),
        "chain", chain));
  }

  @SuppressWarnings("unchecked")
  private static <T> T field(Class<?> of, Object from, String name) {
    try {
      Field field = of.getDeclaredField(name);
      field.setAccessible(true);
      return (T) field.get(from);
    } catch (ReflectiveOperationException e) {
      throw new IllegalStateException(e);
    }
  }

  private void topics(Topology topology, Properties properties, ObjectNode to) {
    InternalTopologyBuilder builder = field(Topology.class, topology, "internalTopologyBuilder");
    builder.rewriteTopology(new StreamsConfig(properties)).buildTopology();  // which names the changelogs
    Map<String, ObjectNode> topics = new TreeMap<>();
    for (var info : builder.subtopologyToTopicsInfo().values()) {
      info.repartitionSourceTopics.forEach((name, config) -> topics.put(name, topic(name, "repartition", config)));
      info.stateChangelogTopics.forEach((name, config) -> topics.put(name,
          topic(name, info.sourceTopicChangelogs().contains(name) ? "source_as_changelog" : "changelog", config)));
    }
    topics.forEach((name, topic) -> {
      String type = topic.get("type").textValue();
      if (type.equals("repartition")) repartitions.put(name, json.arrayNode());
      if (type.equals("changelog")) changelogs.put(name, json.arrayNode());
    });
    to.putArray("internal_topics").addAll(topics.values());
    ArrayNode groups = json.arrayNode();
    for (Set<String> group : builder.copartitionGroups()) {
      if (group.size() < 2) continue;
      ArrayNode names = groups.addArray();
      new TreeSet<>(group).forEach(names::add);
    }
    if (!groups.isEmpty()) to.set("copartition_groups", groups);
  }

  private static ObjectNode topic(String name, String type, InternalTopicConfig config) {
    ObjectNode topic = json.objectNode().put("name", name).put("type", type);
    if (config.hasEnforcedNumberOfPartitions()) {
      topic.put("partitions", config.numberOfPartitions().orElseThrow());
    } else {
      topic.putNull("partitions");
    }
    ObjectNode settings = topic.putObject("config");
    new TreeMap<>(config.properties(Map.of(), dayMs)).forEach(settings::put);
    return topic;
  }

  private void types() {
    ObjectNode inputs = out.putObject("input_types"), produced = out.putObject("output_types");
    for (JsonNode step : in.get("topology")) {
      if (!step.has("topic")) continue;
      String topic = step.get("topic").textValue();
      ObjectNode to = step.get("op").textValue().equals("to") ? produced : inputs;
      to.putObject(topic).<ObjectNode>set("key", step.get("key_serde")).set("value", step.get("value_serde"));
      if (to == produced) outputs.putIfAbsent(topic, json.arrayNode());
    }
  }

  private void pipeAll(TopologyTestDriver driver) {
    take(driver, -1);
    ObjectNode error = null;
    JsonNode inputs = in.get("inputs");
    for (int i = 0; i < inputs.size() && error == null; ++i) {
      try {
        pipe(driver, inputs.get(i));
        take(driver, i);
      } catch (Exception e) {
        error = error(e, json.objectNode().put("at", "input").put("input_index", i));
        take(driver, i);
        takeUncaptured(driver, i);
      }
    }
    out.putObject("outputs").setAll(outputs);
    if (error == null) {
      Stores stores = new Stores(driver, in);
      out.set("stores", stores.rows());
      out.set("queries", stores.queries());
    }
    out.putObject("changelogs").setAll(changelogs);
    out.putObject("repartitions").setAll(repartitions);
    metrics(driver);
    if (error == null) committed(driver);
    if (error != null) out.set("error", error);
  }

  private static byte[] bytes(String topic, JsonNode input, String field, JsonNode types) {
    if (input.has(field + "_hex")) return Values.bytes(input.get(field + "_hex").textValue());
    String serde = types.get(field).textValue();
    return Values.serde(serde).serializer().serialize(topic, Values.fromJson(input.get(field), serde));
  }

  private void pipe(TopologyTestDriver driver, JsonNode input) {
    if (input.has("advance_wall_clock_ms")) {
      driver.advanceWallClockTime(Duration.ofMillis(input.get("advance_wall_clock_ms").longValue()));
      return;
    }
    String topic = input.get("topic").textValue();
    JsonNode types = out.get("input_types").get(topic);
    RecordHeaders headers = new RecordHeaders();
    for (JsonNode h : input.path("headers")) {
      headers.add(h.get(0).textValue(), h.get(1).isNull() ? null : Values.bytes(h.get(1).textValue()));
    }
    driver.createInputTopic(topic, new ByteArraySerializer(), new ByteArraySerializer())
        .pipeInput(new TestRecord<>(bytes(topic, input, "key", types), bytes(topic, input, "value", types), headers,
            input.get("timestamp").longValue()));
  }

  private void take(TopologyTestDriver driver, int i) {
    for (String name : driver.producedTopicNames()) {
      var topic = driver.createOutputTopic(name, new ByteArrayDeserializer(), new ByteArrayDeserializer());
      for (TestRecord<byte[], byte[]> record : topic.readRecordsToList()) take(name, record, i);
    }
  }

  /** What was sent before a record failed, and what its driver has not collected. */
  private void takeUncaptured(TopologyTestDriver driver, int i) {
    MockProducer<byte[], byte[]> producer = field(TopologyTestDriver.class, driver, "producer");
    List<ProducerRecord<byte[], byte[]>> sent = new ArrayList<>(producer.history());
    if (producer.transactionInFlight()) sent.addAll(producer.uncommittedRecords());
    for (var r : sent) take(r.topic(), new TestRecord<>(r.key(), r.value(), r.headers(), r.timestamp()), i);
  }

  private void take(String name, TestRecord<byte[], byte[]> record, int i) {
    boolean output = out.get("output_types").has(name);
    ArrayNode rows = output ? outputs.get(name) : changelogs.containsKey(name) ? changelogs.get(name)
        : repartitions.computeIfAbsent(name, n -> json.arrayNode());
    ObjectNode row = output ? decoded(name, record)
        : json.objectNode().put("key_hex", hex(record.key())).put("value_hex", hex(record.value()));
    row.put("timestamp", record.timestamp()).put("i", i);
    if (record.headers().iterator().hasNext()) row.set("headers", headers(record));
    rows.add(row);
  }

  private static String hex(byte[] bytes) {
    return bytes == null ? null : Values.hex(bytes);
  }

  private ObjectNode decoded(String topic, TestRecord<byte[], byte[]> record) {
    JsonNode types = out.get("output_types").get(topic);
    ObjectNode row = json.objectNode();
    row.set("key", decoded(topic, record.key(), types.get("key").textValue()));
    return row.set("value", decoded(topic, record.value(), types.get("value").textValue()));
  }

  private static JsonNode decoded(String topic, byte[] bytes, String serde) {
    if (bytes == null) return json.nullNode();
    return Values.toJson(Values.serde(serde).deserializer().deserialize(topic, bytes));
  }

  private static ArrayNode headers(TestRecord<byte[], byte[]> record) {
    ArrayNode list = json.arrayNode();
    for (Header h : record.headers()) list.addArray().add(h.key()).add(hex(h.value()));
    return list;
  }

  private void metrics(TopologyTestDriver driver) {
    ObjectNode sums = out.putObject("metrics");
    List<String> wanted =
        List.of("dropped-records-total", "suppression-emit-total", "window-aggregate-final-emit-total");
    driver.metrics().forEach((name, metric) -> {
      if (!wanted.contains(name.name())) return;
      long value = ((Number) metric.metricValue()).longValue();
      sums.put(name.name(), sums.path(name.name()).longValue() + value);
    });
  }

  private void committed(TopologyTestDriver driver) {
    if (in.get("config").path("processing.guarantee").asText().startsWith("exactly_once")) return;
    MockConsumer<byte[], byte[]> consumer = field(TopologyTestDriver.class, driver, "consumer");
    Map<String, TopicPartition> partitions = field(TopologyTestDriver.class, driver, "partitionsByInputTopic");
    ObjectNode metadata = out.putObject("committed_metadata");
    List<String> topics = new ArrayList<>(new TreeSet<>(partitions.keySet()));
    for (String topic : topics) {
      OffsetAndMetadata offset = consumer.committed(Set.of(partitions.get(topic))).get(partitions.get(topic));
      if (offset != null) metadata.put(topic, offset.metadata());
    }
  }
}

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;

/** Records for a topology's topics: few keys, times that repeat, go back and jump, nulls, headers, damaged bytes. */
final class RandomInputs {
  private static final JsonNodeFactory json = JsonNodeFactory.instance;

  private final Random random;
  private final List<String> topics;
  private final Map<String, RandomCase.Handle> types;
  private final boolean headers, damage, damageGlobal;
  private long time = 1_000_000;

  RandomInputs(Random random, ObjectNode made, Map<String, RandomCase.Handle> types) {
    this.random = random;
    this.types = types;
    this.topics = new ArrayList<>(types.keySet());
    for (JsonNode step : made.get("topology")) {  // what the topology writes is not given to it from outside
      if (step.get("op").textValue().equals("to")) topics.remove(step.get("topic").textValue());
    }
    this.headers = chance(40);
    this.damage = chance(35);
    // Kafka's driver continues behind a bad record of a global table whatever the handler says.
    this.damageGlobal = made.get("config").has("deserialization.exception.handler");
    if (chance(5)) time = 100;
  }

  private boolean chance(int percent) {
    return random.nextInt(100) < percent;
  }

  private String one(String... of) {
    return of[random.nextInt(of.length)];
  }

  ArrayNode make() {
    ArrayNode inputs = json.arrayNode();
    int count = 5 + random.nextInt(35);
    for (int i = 0; i < count; ++i) {
      if (chance(3)) {
        inputs.addObject().put("advance_wall_clock_ms", 1 + random.nextInt(30_000));
      } else {
        record(inputs.addObject());
      }
    }
    return inputs;
  }

  private long next() {
    int kind = random.nextInt(100);
    if (kind < 12) return time;
    if (kind < 32) return Math.max(0, time - random.nextInt(kind < 15 ? 20_000 : 2_500));
    time += kind < 35 ? random.nextInt(90_000) : random.nextInt(400);
    return time;
  }

  private void record(ObjectNode record) {
    String topic = topics.get(random.nextInt(topics.size()));
    RandomCase.Handle handle = types.get(topic);
    record.put("topic", topic);
    bytes(record, "key", handle.ks(), 8, 1);
    bytes(record, "value", handle.vs(), 15, 5);
    record.put("timestamp", next());
    if (!headers || !chance(50)) return;
    ArrayNode list = record.putArray("headers");
    for (int n = 1 + random.nextInt(2); n > 0; --n) {
      list.addArray().add(one("h0", "h1")).add(one("", "a8", "0102", null));
    }
  }

  private void bytes(ObjectNode record, String field, String serde, int nulls, int damaged) {
    if (mayDamage(record) && !serde.equals("string") && !serde.equals("bytes") && chance(damaged)) {
      record.put(field + "_hex", one("1f", "2d80", "adccff", "0102030405"));
    } else if (chance(nulls)) {
      record.putNull(field);
    } else {
      record.set(field, value(field, serde));
    }
  }

  private boolean mayDamage(ObjectNode record) {
    return damage && (damageGlobal || !record.get("topic").textValue().startsWith("glob"));
  }

  private JsonNode value(String field, String serde) {
    int number = random.nextInt(field.equals("key") ? 4 : 12) - (field.equals("key") ? 0 : 3);
    return switch (serde) {
      case "long" -> json.numberNode((long) number);
      case "int" -> json.numberNode(number);
      case "double" -> json.numberNode(number / 2.0);
      case "bytes" -> json.textNode(one("00", "61", "6162", "ff00ff", ""));
      default -> json.textNode(field.equals("key") ? one("k1", "k2", "k3", "a", "z", "k1", "k2", "")
          : one("a", "b", "ab", "zebra", "quince", "one two three", "hello world", "k1", "k2", "7", "-3", "22", "a|b",
              "f1|q", "", "lanterns", "m"));
    };
  }
}

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Set;

/**
 * What Kafka Streams does, as files for millrace-conformance: of cases made from seeds, or of a file's own topology,
 * config and inputs. StreamsCases DIR --seed N --count M, or StreamsCases DIR --replay FILE...
 */
public final class StreamsCases {
  private static final ObjectMapper mapper = new ObjectMapper();
  private static final Set<String> lists = Set.of("topology", "internal_topics", "inputs", "queries");
  private static final Set<String> maps = Set.of("outputs", "changelogs", "repartitions");

  private StreamsCases() {}

  public static void main(String[] args) throws IOException {
    Path folder = Files.createDirectories(Path.of(args[0]));
    if (args[1].equals("--replay")) {
      for (int i = 2; i < args.length; ++i) {
        write(folder, (ObjectNode) mapper.readTree(Path.of(args[i]).toFile()));
      }
      return;
    }
    long seed = Long.parseLong(args[2]), count = Long.parseLong(args[4]);
    for (long s = seed; s < seed + count; ++s) write(folder, new RandomCase(s).make());
  }

  private static void write(Path folder, ObjectNode wanted) throws IOException {
    String name = wanted.get("case").textValue();
    ObjectNode found;
    try {
      found = Recorder.record(wanted);
    } catch (UnsupportedOperationException e) {
      System.out.println("skipped " + name + ": " + e.getMessage());
      return;
    }
    StringBuilder text = new StringBuilder("{\n");
    String separator = "";
    for (var field : found.properties()) {
      text.append(separator).append('"').append(field.getKey()).append("\": ");
      if (lists.contains(field.getKey())) {
        lines(text, field.getValue(), "  ", "");
      } else if (maps.contains(field.getKey()) && !field.getValue().isEmpty()) {
        topics(text, field.getValue());
      } else {
        text.append(field.getValue());
      }
      separator = ",\n";
    }
    Files.writeString(folder.resolve(name + ".json"), text.append("\n}\n"));
  }

  private static void topics(StringBuilder text, JsonNode topics) {
    String separator = "{\n";
    for (var topic : topics.properties()) {
      text.append(separator).append(" \"").append(topic.getKey()).append("\": ");
      lines(text, topic.getValue(), "  ", " ");
      separator = ",\n";
    }
    text.append("\n}");
  }

  private static void lines(StringBuilder text, JsonNode list, String indent, String end) {
    String separator = "[\n";
    for (JsonNode element : list) {
      text.append(separator).append(indent).append(element);
      separator = ",\n";
    }
    text.append(list.isEmpty() ? "[]" : "\n" + end + "]");
  }
}

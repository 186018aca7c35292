package dev.layermesh.system;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.stream.IntStream;
import org.yaml.snakeyaml.LoaderOptions;
import org.yaml.snakeyaml.Yaml;
import org.yaml.snakeyaml.constructor.SafeConstructor;
import org.yaml.snakeyaml.error.YAMLException;

/**
 * A Dockerfile as lines: one instruction each, comments left out, continued lines joined.
 *
 * @param instructions in order; the first is a FROM
 */
record Dockerfile(List<Instruction> instructions) {

  /** {@code keyword arguments}, the keyword in capitals. */
  record Instruction(String keyword, String arguments) {
    /** The arguments without leading {@code --flags}, split at blanks. */
    List<String> words() {
      return List.of(arguments.split("\\s+")).stream().dropWhile(word -> word.startsWith("--")).toList();
    }

    /** The value of {@code --flag=value}, if it is there. */
    Optional<String> flag(String flag) {
      return List.of(arguments.split("\\s+")).stream()
          .takeWhile(word -> word.startsWith("--"))
          .filter(word -> word.startsWith(flag + "="))
          .map(word -> word.substring(flag.length() + 1))
          .findFirst();
    }

    /** The command of the exec form, a JSON array of strings; nothing for the shell form. */
    Optional<List<String>> execForm() {
      String json = arguments.substring(Math.max(0, arguments.indexOf('[')));
      if (!json.startsWith("[") || !json.endsWith("]")) {
        return Optional.empty();
      }
      try {
        List<?> words = new Yaml(new SafeConstructor(new LoaderOptions())).load(json);
        return Optional.of(words.stream().map(String.class::cast).toList());
      } catch (YAMLException | ClassCastException e) {
        return Optional.empty();
      }
    }
  }

  Dockerfile {
    instructions = List.copyOf(instructions);
    if (instructions.isEmpty() || !instructions.getFirst().keyword().equals("FROM")) {
      throw new IllegalArgumentException("a Dockerfile must begin with FROM");
    }
  }

  static Dockerfile parse(String text) {
    var instructions = new ArrayList<Instruction>();
    var line = new StringBuilder();
    for (String raw : text.lines().map(String::strip).toList()) {
      if (raw.isEmpty() || raw.startsWith("#")) {
        continue;
      }
      if (raw.endsWith("\\")) {
        line.append(raw, 0, raw.length() - 1);
        continue;
      }
      String[] parts = line.append(raw).toString().strip().split("\\s+", 2);
      instructions.add(new Instruction(parts[0].toUpperCase(Locale.ROOT), parts.length > 1 ? parts[1] : ""));
      line.setLength(0);
    }
    return new Dockerfile(instructions);
  }

  /** Names of the stages that {@code COPY --from} may name. */
  List<String> stages() {
    return instructions.stream()
        .filter(instruction -> instruction.keyword().equals("FROM"))
        .map(Instruction::words)
        .filter(words -> words.size() == 3 && words.get(1).equalsIgnoreCase("AS"))
        .map(List::getLast)
        .toList();
  }

  /** The instructions that make the image, those of the last stage. */
  List<Instruction> image() {
    int from = IntStream.range(0, instructions.size())
        .filter(index -> instructions.get(index).keyword().equals("FROM"))
        .max()
        .orElseThrow();
    return instructions.subList(from, instructions.size());
  }

  /** The instruction of the image that takes effect: the last one of its kind. */
  Optional<Instruction> last(String keyword) {
    return image().stream().filter(instruction -> instruction.keyword().equals(keyword)).reduce((first, last) -> last);
  }

  /** The exec form of ENTRYPOINT or CMD; empty if it is absent or a shell's. */
  List<String> command(String keyword) {
    return last(keyword).flatMap(Instruction::execForm).orElse(List.of());
  }
}

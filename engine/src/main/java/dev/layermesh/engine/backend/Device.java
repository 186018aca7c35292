package dev.layermesh.engine.backend;

import dev.layermesh.decoding.InputException;
import java.util.OptionalInt;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * What computes: {@code cpu} or an accelerator such as {@code cuda:0}.
 *
 * @param kind {@code cpu}, {@code cuda}
 * @param index which of its kind; none for the CPU
 */
public record Device(String kind, OptionalInt index) {
  private static final String CPU_KIND = "cpu";
  private static final Pattern ACCELERATOR = Pattern.compile("([a-z]+):(\\d{1,4})");

  /** The processor that the JVM runs on. */
  public static final Device CPU = new Device(CPU_KIND, OptionalInt.empty());

  /** @throws InputException when {@code name} is neither {@code cpu} nor {@code kind:index} */
  public static Device parse(String name) {
    Matcher accelerator = ACCELERATOR.matcher(name);
    if (name.equals(CPU_KIND)) {
      return CPU;
    }
    if (!accelerator.matches() || accelerator.group(1).equals(CPU_KIND)) {
      throw InputException.of("device", name, "must be cpu or cuda:N");
    }
    return new Device(accelerator.group(1), OptionalInt.of(Integer.parseInt(accelerator.group(2))));
  }

  @Override
  public String toString() {
    return index.isPresent() ? kind + ":" + index.getAsInt() : kind;
  }
}

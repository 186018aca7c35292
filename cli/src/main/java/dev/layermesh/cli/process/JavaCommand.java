package dev.layermesh.cli.process;

import java.lang.management.ManagementFactory;
import java.util.ArrayList;
import java.util.List;

/** How to start another process like this one. */
public final class JavaCommand {
  private JavaCommand() {}

  /**
   * The same JVM, flags and class path, with other arguments; progress bars and the launcher's filter stay here.
   *
   * @param main the class whose main method the other process runs
   */
  public static List<String> ofThisProcess(Environment environment, Class<?> main, List<String> arguments) {
    var command = new ArrayList<String>();
    command.add(ProcessHandle.current().info().command()
        .orElseGet(() -> System.getProperty("java.home") + "/bin/java"));
    for (String flag : ManagementFactory.getRuntimeMXBean().getInputArguments()) {
      if (!flag.startsWith("-Dlayermesh.") && !flag.startsWith("-javaagent:") && !flag.startsWith("-agentlib:")) {
        command.add(flag);
      }
    }
    environment.home().ifPresent(home -> command.add("-Dlayermesh.root=" + home));
    command.addAll(List.of("-cp", System.getProperty("java.class.path"), main.getName()));
    command.addAll(arguments);
    return command;
  }
}

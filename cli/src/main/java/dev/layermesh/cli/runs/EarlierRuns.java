package dev.layermesh.cli.runs;

import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.layermesh.decoding.InputException;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * The results of earlier runs, which a run continues.
 *
 * @param file that holds it
 * @param results the results in the file; none for a new run
 */
record EarlierRuns(Path file, List<EarlierResult> results) {

  /**
   * The settings to continue with: those asked for, with the seed of the file's results unless another was given.
   *
   * @throws InputException when the file's results were made with other settings
   */
  RunSettings goOnWith(RunSettings asked, boolean seedGiven) {
    if (results.isEmpty()) {
      return asked;
    }
    ObjectNode last = results.getFirst().settings();
    RunSettings settings = seedGiven ? asked : asked.withSeedOf(last);
    settings.requireSame(last, file);
    for (EarlierResult each : results) {
      if (each.settings() != last) { // a file keeps one copy of those that are equal
        last = each.settings();
        settings.requireSame(last, file);
      }
    }
    return settings;
  }

  /**
   * The lines that are still to be done; counts the others.
   *
   * @throws InputException when what is there is of other lines
   */
  List<PromptFile.Line> left(Path prompts, List<PromptFile.Line> lines, RunTally tally) {
    Map<Integer, PromptFile.Line> left = new LinkedHashMap<>();
    lines.forEach(line -> left.put(line.number(), line));
    Set<Integer> done = new HashSet<>();
    for (EarlierResult result : results) {
      if (!done.add(result.line())) {
        continue;
      }
      PromptFile.Line line = left.remove(result.line());
      if (line == null || !line.source().hash().equals(result.lineHash())) {
        throw InputException.in(file, "line", result.line(),
            "is the result of another line than " + prompts + " has there: name another --out");
      }
      tally.found(result.kind());
    }
    return List.copyOf(left.values());
  }
}

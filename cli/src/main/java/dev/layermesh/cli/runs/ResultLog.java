package dev.layermesh.cli.runs;

import com.fasterxml.jackson.databind.node.ObjectNode;

/** Writes a run's results and counts them. Owned by one thread. */
record ResultLog(ResultSink sink, ObjectNode settings, RunTally tally) {

  /** Writes a result; false when standard output is closed. */
  boolean add(PromptResult result) {
    boolean read = sink.write(result.toJson(settings).toString());
    tally.add(result);
    return read;
  }
}

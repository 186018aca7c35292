package dev.layermesh.cli.runs;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.layermesh.cli.complete.Completion;

/** The result of one line of a file of prompts. */
sealed interface PromptResult {

  PromptFile.Line line();

  /** It was continued. */
  record Finished(PromptFile.Line line, Completion completion) implements PromptResult {}

  /** It cannot be continued by this model: it is too long, or holds ids that the vocabulary lacks. */
  record Failed(PromptFile.Line line, String why) implements PromptResult {}

  /** It holds no prompt. */
  record Skipped(PromptFile.Line line, String why) implements PromptResult {}

  /** Its line in the results: {@code line} first, by which a torn one is known. */
  default ObjectNode toJson(ObjectNode settings) {
    ObjectNode json = JsonNodeFactory.instance.objectNode().put("line", line().number());
    line().source().id().ifPresent(id -> json.set("id", id));
    switch (this) {
      case Finished finished -> json.setAll(finished.completion().toJson());
      case Failed failed -> json.put("error", failed.why());
      case Skipped skipped -> json.put("skipped", skipped.why());
    }
    return json.put("line_hash", line().source().hash()).set("settings", settings);
  }
}

package dev.layermesh.engine.speculation;

import dev.layermesh.engine.EngineOptions;
import dev.layermesh.engine.checkpoint.LoadListener;
import dev.layermesh.engine.checkpoint.Slice;
import java.util.List;
import java.util.OptionalInt;

/**
 * Both sides of a model on one device. They share one set of kernel threads and one copy of the head, so no side's
 * threads idle while the other computes, and the lane batches all sessions in one step. Thread-safe.
 *
 * @param draft closes with this one
 * @param verify closes with this one
 */
public record CoLocatedModel(DraftModel draft, VerifyModel verify) implements AutoCloseable {

  /**
   * Loads it.
   *
   * @throws dev.layermesh.decoding.InputException naming what is wrong with options or files
   */
  public static CoLocatedModel open(EngineOptions options, LoadListener listener) {
    var side = LoadedSide.open(
        options,
        (numLayers, exitLayer) -> List.of(Slice.draft(exitLayer), Slice.verify(exitLayer, numLayers)),
        listener);
    return new CoLocatedModel(new DraftModel(side), new VerifyModel(side, 1, OptionalInt.empty()));
  }

  @Override
  public void close() {
    draft.close(); // closes the side that both share
  }
}

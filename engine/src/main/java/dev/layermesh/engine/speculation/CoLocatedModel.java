package dev.layermesh.engine.speculation;

import dev.layermesh.engine.EngineOptions;
import dev.layermesh.engine.backend.Device;
import dev.layermesh.engine.backend.DeviceLostException;
import dev.layermesh.engine.checkpoint.LoadListener;
import dev.layermesh.engine.checkpoint.Slice;
import java.util.List;
import java.util.OptionalInt;
import java.util.concurrent.CompletableFuture;

/**
 * Both sides of a model in one process. On one device both sides share one thread pool and one copy of the head, so
 * neither side's threads idle while the other computes, and the lane batches all sessions in one step. On two devices
 * each side has a lane of its own. Thread-safe.
 *
 * @param draft closes with this one
 * @param verify closes with this one
 */
public record CoLocatedModel(DraftModel draft, VerifyModel verify) implements AutoCloseable {

  /**
   * Loads it: the draft side on the first device of the options, the verify side on the last.
   *
   * @throws dev.layermesh.decoding.InputException naming what is wrong with options or files
   */
  public static CoLocatedModel open(EngineOptions options, LoadListener listener) {
    List<Device> devices = options.devices();
    if (devices.getFirst().equals(devices.getLast())) {
      return onOneDevice(options.onDevice(devices.getFirst()), listener);
    }
    DraftModel draft = DraftModel.open(options.onDevice(devices.getFirst()), listener);
    try {
      return new CoLocatedModel(draft, VerifyModel.open(options.onDevice(devices.getLast()), false, listener));
    } catch (RuntimeException failed) {
      draft.close();
      throw failed;
    }
  }

  private static CoLocatedModel onOneDevice(EngineOptions options, LoadListener listener) {
    var side = LoadedSide.open(
        options,
        (numLayers, exitLayer) -> List.of(Slice.draft(exitLayer), Slice.verify(exitLayer, numLayers)),
        listener);
    return new CoLocatedModel(new DraftModel(side), new VerifyModel(side, 1, OptionalInt.empty()));
  }

  /** Completed when a device of either side is lost; see {@link DraftModel#lost}. */
  public CompletableFuture<DeviceLostException> lost() {
    return draft.lost().applyToEither(verify.lost(), gone -> gone);
  }

  /** Closes both sides, which may share a lane; idempotent. */
  @Override
  public void close() {
    try {
      draft.close();
    } finally {
      verify.close();
    }
  }
}

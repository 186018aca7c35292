package dev.layermesh.engine.speculation;

import dev.layermesh.decoding.HiddenRows;
import dev.layermesh.decoding.SamplingParams;
import dev.layermesh.decoding.SessionKey;
import dev.layermesh.decoding.loop.VerifierHost;
import dev.layermesh.decoding.loop.VerifierSession;
import dev.layermesh.engine.EngineOptions;
import dev.layermesh.engine.backend.DeviceLostException;
import dev.layermesh.engine.checkpoint.LoadListener;
import dev.layermesh.engine.checkpoint.Slice;
import dev.layermesh.engine.lane.LaneSession;
import dev.layermesh.engine.lane.LaneStats;
import dev.layermesh.engine.lane.MemoryStats;
import java.lang.foreign.MemorySegment;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.concurrent.CompletableFuture;

/** The verify side of a model: layers [E,L) and the shared head on a lane. Thread-safe. */
public final class VerifyModel implements VerifierHost, AutoCloseable {
  private final LoadedSide side;
  private final int late; // the stage of layers [E,L)
  private final OptionalInt early; // the stage of those below

  VerifyModel(LoadedSide side, int late, OptionalInt early) {
    this.side = side;
    this.late = late;
    this.early = early;
  }

  /**
   * Loads it.
   *
   * @param full holds layers [0,E) as well, for drafters that hand over tokens alone
   * @throws dev.layermesh.decoding.InputException naming what is wrong with options or files
   */
  public static VerifyModel open(EngineOptions options, boolean full, LoadListener listener) {
    var side = LoadedSide.open(
        options,
        (numLayers, exitLayer) -> {
          Slice late = Slice.verify(exitLayer, numLayers);
          return full ? List.of(late, Slice.draft(exitLayer)) : List.of(late);
        },
        listener);
    return new VerifyModel(side, 0, full ? OptionalInt.of(1) : OptionalInt.empty());
  }

  public ModelIdentity model() {
    return side.models().get(late);
  }

  @Override
  public VerifierSession open(SessionKey key, SamplingParams sampling) {
    Optional<EarlyLayers> below = early.isPresent()
        ? Optional.of(new EarlyLayers(side.lane().open(early.getAsInt())))
        : Optional.empty();
    return new ModelVerifierSession(sampling, side.lane().open(late), below, model().exitLayer());
  }

  /** Compiles the kernels that a session needs, for at most {@code limit}. */
  public void warmUp(Duration limit) throws InterruptedException {
    int width = model().config().hiddenSize();
    int count = 4;
    var bytes = MemorySegment.ofArray(new byte[count * width * HiddenRows.Type.F32.bytes()]);
    var rows = new HiddenRows.Host(count, width, HiddenRows.Type.F32, bytes);
    try (LaneSession session = side.lane().open(late)) {
      WarmUp.repeat(
          greedy -> {
            session.run(0, rows, Optional.of(greedy));
            session.run(count, rows.slice(0, 1), Optional.of(greedy));
          },
          limit);
    }
  }

  /** Counters of the late layers. */
  public LaneStats stats() {
    return side.lane().stats(late);
  }

  /** How the late layers' memory for keys and values is used. */
  public MemoryStats memory() {
    return side.lane().memory(late);
  }

  /** Completed when the device is lost; see {@link dev.layermesh.engine.lane.InferenceLane#lost}. */
  public CompletableFuture<DeviceLostException> lost() {
    return side.lane().lost();
  }

  @Override
  public void close() {
    side.close();
  }
}

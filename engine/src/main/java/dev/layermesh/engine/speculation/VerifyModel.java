package dev.layermesh.engine.speculation;

import dev.layermesh.decoding.HiddenRows;
import dev.layermesh.decoding.SamplingParams;
import dev.layermesh.decoding.SessionKey;
import dev.layermesh.decoding.VerifierHost;
import dev.layermesh.decoding.VerifierSession;
import dev.layermesh.engine.EngineOptions;
import dev.layermesh.engine.checkpoint.LoadListener;
import dev.layermesh.engine.checkpoint.Slice;
import dev.layermesh.engine.lane.InferenceLane;
import dev.layermesh.engine.lane.LaneSession;
import dev.layermesh.engine.lane.LaneStats;
import dev.layermesh.engine.lane.MemoryStats;
import java.lang.foreign.MemorySegment;
import java.time.Duration;
import java.util.List;
import java.util.Optional;

/** The verify side of a model: layers [E,L) and the shared head on a lane of their own. Thread-safe. */
public final class VerifyModel implements VerifierHost, AutoCloseable {
  private final LoadedSide side;

  private VerifyModel(LoadedSide side) {
    this.side = side;
  }

  /**
   * Loads it.
   *
   * @param full holds layers [0,E) as well, for drafters that hand over tokens alone
   * @throws dev.layermesh.decoding.InputException naming what is wrong with options or files
   */
  public static VerifyModel open(EngineOptions options, boolean full, LoadListener listener) {
    return new VerifyModel(LoadedSide.open(
        options,
        (numLayers, exitLayer) -> {
          Slice late = Slice.verify(exitLayer, numLayers);
          return full ? List.of(late, Slice.draft(exitLayer)) : List.of(late);
        },
        listener));
  }

  public ModelIdentity model() {
    return side.model();
  }

  @Override
  public VerifierSession open(SessionKey key, SamplingParams sampling) {
    Optional<InferenceLane> early = side.lanes().stream().skip(1).findFirst();
    return new ModelVerifierSession(
        sampling, side.lanes().getFirst().open(), early.map(lane -> new EarlyLayers(lane.open())), model().exitLayer());
  }

  /** Compiles the kernels that a session needs, for at most {@code limit}. */
  public void warmUp(Duration limit) throws InterruptedException {
    int width = model().config().hiddenSize();
    int count = 4;
    var bytes = MemorySegment.ofArray(new byte[count * width * HiddenRows.Type.F32.bytes()]);
    var rows = new HiddenRows.Host(count, width, HiddenRows.Type.F32, bytes);
    try (LaneSession session = side.lanes().getFirst().open()) {
      WarmUp.repeat(
          greedy -> {
            session.run(0, rows, Optional.of(greedy));
            session.run(count, rows.slice(0, 1), Optional.of(greedy));
          },
          limit);
    }
  }

  /** Counters of the late layers' lane. */
  public LaneStats stats() {
    return side.lanes().getFirst().stats();
  }

  /** How the late layers' memory for keys and values is used. */
  public MemoryStats memory() {
    return side.lanes().getFirst().memory();
  }

  @Override
  public void close() {
    side.close();
  }
}

package dev.layermesh.engine.speculation;

import dev.layermesh.decoding.DraftChoice;
import dev.layermesh.decoding.SessionSpec;
import dev.layermesh.decoding.TokenIds;
import dev.layermesh.decoding.loop.Drafter;
import dev.layermesh.engine.EngineOptions;
import dev.layermesh.engine.backend.DeviceLostException;
import dev.layermesh.engine.checkpoint.LoadListener;
import dev.layermesh.engine.checkpoint.Slice;
import dev.layermesh.engine.lane.InferenceLane;
import dev.layermesh.engine.lane.LaneSession;
import dev.layermesh.engine.lane.LaneStats;
import dev.layermesh.engine.lane.MemoryStats;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;

/** The draft side of a model: embedding, layers [0,E) and the shared head on a lane. Thread-safe. */
public final class DraftModel implements AutoCloseable {
  private final LoadedSide side;

  /** @param side whose first stage is a drafter's slice */
  DraftModel(LoadedSide side) {
    this.side = side;
  }

  /**
   * Loads it.
   *
   * @throws dev.layermesh.decoding.InputException naming what is wrong with options or files
   */
  public static DraftModel open(EngineOptions options, LoadListener listener) {
    return new DraftModel(LoadedSide.open(options, (_, exitLayer) -> List.of(Slice.draft(exitLayer)), listener));
  }

  public ModelIdentity model() {
    return side.models().getFirst();
  }

  /** A drafter with an empty cache that draws its tokens as the session's sampling parameters say. */
  public Drafter drafter(SessionSpec spec) {
    return drafter(spec, DraftChoice.sampled(spec.sampling()));
  }

  /** A drafter with an empty cache that proposes what {@code choice} makes of the early layers' distributions. */
  public Drafter drafter(SessionSpec spec, DraftChoice choice) {
    EarlyLayers early = early(spec);
    return new ModelDrafter(new EarlyExitProposer(spec, early, choice), early, model().exitLayer());
  }

  /** A drafter with an empty cache that runs the rows of another one's tokens. */
  Drafter drafterOf(Proposer proposer, SessionSpec spec) {
    return new ModelDrafter(proposer, early(spec), model().exitLayer());
  }

  private EarlyLayers early(SessionSpec spec) {
    return new EarlyLayers(lane().open(0, spec.prompt().length() + spec.committed().length()));
  }

  /** Compiles the kernels that a session needs, for at most {@code limit}. */
  public void warmUp(Duration limit) throws InterruptedException {
    TokenIds few = TokenIds.of(0, 0, 0, 0);
    try (LaneSession session = lane().open()) {
      WarmUp.repeat(
          greedy -> {
            session.run(0, few, List.of(session.room(few.length())), Optional.empty());
            session.run(few.length(), TokenIds.of(0), List.of(session.room(1)), Optional.of(greedy));
          },
          limit);
    }
  }

  /** Counters of the lane. */
  public LaneStats stats() {
    return lane().stats();
  }

  /** How the lane's memory for keys and values is used. */
  public MemoryStats memory() {
    return lane().memory(0);
  }

  /** Completed when the device is lost; see {@link InferenceLane#lost}. */
  public CompletableFuture<DeviceLostException> lost() {
    return lane().lost();
  }

  private InferenceLane lane() {
    return side.lane();
  }

  @Override
  public void close() {
    side.close();
  }
}

package dev.layermesh.gateway.mesh;

import dev.layermesh.decoding.WindowPolicy;
import dev.layermesh.gateway.turn.ModelSource;
import dev.layermesh.gateway.turn.ServedModel;
import dev.layermesh.mesh.files.ModelFilesCache;
import dev.layermesh.mesh.membership.Placement;
import dev.layermesh.mesh.membership.Role;
import dev.layermesh.mesh.membership.WorkerAd;
import dev.layermesh.tokenizer.GenerationDefaults;
import dev.layermesh.tokenizer.TokenizerFiles;
import dev.layermesh.tokenizer.text.TokenizerText;
import java.io.IOException;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.atomic.AtomicBoolean;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The model the live workers serve. Fetches its tokenizer from one of them: {@link #state} starts the fetch, on a
 * virtual thread, when the workers serve a model without a loaded tokenizer. Thread-safe.
 */
public final class MeshModelSource implements ModelSource, AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(MeshModelSource.class);
  private static final Duration FIRST_PAUSE = Duration.ofMillis(200);
  private static final Duration LONGEST_PAUSE = Duration.ofSeconds(30);

  private final Placement placement;
  private final Files files;
  private final ModelFilesCache cache;
  private final Optional<WindowPolicy> window; // absent: the drafter's
  private final boolean modelSampling;
  private final InstantSource clock;
  private final AtomicBoolean fetching = new AtomicBoolean();
  private final List<TokenizerText> opened = new ArrayList<>();
  private volatile Optional<ServedModel> loaded = Optional.empty();
  private volatile Optional<Trouble> trouble = Optional.empty();
  private boolean closed;

  /** Why a model's tokenizer could not be loaded, and when to try again. */
  private record Trouble(String fingerprint, String message, Duration pause, Instant again) {}

  /** Fetches a worker's small files: {@code ModelFilesClient::fetch}. */
  @FunctionalInterface
  public interface Files {
    Map<String, byte[]> fetch(String workerId) throws IOException;
  }

  /**
   * A source without a model yet.
   *
   * @param window of requests that name none; absent takes what the drafter suggests
   * @param modelSampling whether the sampling values of {@code generation_config.json} apply to requests that name none
   */
  public MeshModelSource(
      Placement placement, Files files, ModelFilesCache cache, Optional<WindowPolicy> window, boolean modelSampling,
      InstantSource clock) {
    this.placement = placement;
    this.files = files;
    this.cache = cache;
    this.window = window;
    this.modelSampling = modelSampling;
    this.clock = clock;
  }

  @Override
  public State state() {
    Optional<WorkerAd> draft = placement.draft(Optional.empty(), Set.of());
    if (draft.isEmpty()) {
      return missing(placement.missing());
    }
    Optional<ServedModel> model =
        loaded.filter(each -> each.fingerprint().equals(draft.get().fingerprint()));
    if (model.isPresent()) {
      return new State.Ready(model.get().splitAt(draft.get().exitLayer(), window(draft.get())));
    }
    Optional<Trouble> known = trouble.filter(each -> each.fingerprint().equals(draft.get().fingerprint()));
    boolean due = known.map(each -> !clock.instant().isBefore(each.again())).orElse(true);
    String why = known.map(each -> ": " + each.message()).orElse("");
    if (due && fetching.compareAndSet(false, true)) {
      Thread.ofVirtual().name("tokenizer-fetch").start(() -> load(draft.get()));
    }
    return new State.Missing("no_tokenizer", "the tokenizer is on its way" + why);
  }

  private static State missing(Set<Role> roles) {
    String code = roles.size() == 1
        ? "no_" + roles.iterator().next().name().toLowerCase(Locale.ROOT) + "_worker"
        : "no_workers";
    return new State.Missing(code, "missing: " + SessionSupervisor.missing(roles));
  }

  private void load(WorkerAd worker) {
    try {
      ServedModel model = open(worker, cached(worker));
      loaded = Optional.of(model);
      trouble = Optional.empty();
      LOG.info("serves {} ({}); default sampling: {}", model.id(), model.fingerprint(),
          model.sampling().describe().orElse("temperature 1"));
    } catch (IOException | RuntimeException failure) {
      failed(worker, String.valueOf(failure.getMessage()));
    } finally {
      fetching.set(false);
    }
  }

  /** Remembers a failure. A file that is damaged stays damaged, so the pause before the next attempt doubles. */
  private void failed(WorkerAd worker, String message) {
    Optional<Trouble> before = trouble.filter(each -> each.fingerprint().equals(worker.fingerprint()));
    if (before.filter(each -> each.message().equals(message)).isEmpty()) {
      LOG.warn("cannot load the tokenizer of {}: {}", worker.id(), message);
    }
    Duration pause = before.map(each -> each.pause().multipliedBy(2)).orElse(FIRST_PAUSE);
    pause = pause.compareTo(LONGEST_PAUSE) < 0 ? pause : LONGEST_PAUSE;
    trouble = Optional.of(new Trouble(worker.fingerprint(), message, pause, clock.instant().plus(pause)));
  }

  private Map<String, byte[]> cached(WorkerAd worker) throws IOException {
    Optional<Map<String, byte[]>> known = cache.read(worker.fingerprint());
    if (known.isPresent()) {
      return known.get();
    }
    Map<String, byte[]> fresh = files.fetch(worker.id());
    try {
      cache.write(worker.fingerprint(), fresh);
    } catch (IOException unwritable) {
      LOG.warn("cannot keep the tokenizer for the next start: {}", unwritable.toString());
    }
    return fresh;
  }

  private ServedModel open(WorkerAd worker, Map<String, byte[]> content) {
    var set = new TokenizerFiles("worker " + worker.id(), content);
    TokenizerText text = TokenizerText.open(set, worker.vocabSize());
    keep(text);
    return new ServedModel(
        worker.model(), worker.fingerprint(), worker.contextLength(), worker.exitLayer(), window(worker),
        modelSampling ? text.samplingDefaults() : GenerationDefaults.NONE, clock.instant(), text);
  }

  private WindowPolicy window(WorkerAd worker) {
    return window.orElseGet(() -> WindowPolicy.sequential(worker.window()));
  }

  /** Keeps a tokenizer open until {@link #close}: a turn may still use the one of an earlier model. */
  private synchronized void keep(TokenizerText text) {
    if (closed) {
      text.close();
      throw new IllegalStateException("closed while a tokenizer was fetched");
    }
    opened.add(text);
  }

  @Override
  public synchronized void close() {
    closed = true;
    opened.forEach(TokenizerText::close);
    opened.clear();
  }
}

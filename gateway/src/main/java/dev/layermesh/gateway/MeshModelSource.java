package dev.layermesh.gateway;

import dev.layermesh.decoding.InputException;
import dev.layermesh.decoding.TokenIds;
import dev.layermesh.mesh.files.ModelFilesCache;
import dev.layermesh.mesh.membership.Placement;
import dev.layermesh.mesh.membership.Role;
import dev.layermesh.mesh.membership.WorkerAd;
import dev.layermesh.tokenizer.TokenizerFiles;
import io.vertx.core.json.DecodeException;
import io.vertx.core.json.JsonArray;
import io.vertx.core.json.JsonObject;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
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
 * The model the live workers serve, with its tokenizer fetched from one of them. Asking for the state starts a fetch,
 * on a virtual thread, when the workers serve a model whose tokenizer is not here. Thread-safe.
 */
final class MeshModelSource implements ModelSource, AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(MeshModelSource.class);

  private final Placement placement;
  private final Files files;
  private final ModelFilesCache cache;
  private final InstantSource clock;
  private final AtomicBoolean fetching = new AtomicBoolean();
  private final List<TokenizerText> opened = new ArrayList<>();
  private volatile Optional<ServedModel> loaded = Optional.empty();
  private volatile String trouble = "";
  private boolean closed;

  /** Fetches a worker's small files: {@code ModelFilesClient::fetch}. */
  @FunctionalInterface
  interface Files {
    Map<String, byte[]> fetch(String workerId) throws IOException;
  }

  MeshModelSource(Placement placement, Files files, ModelFilesCache cache, InstantSource clock) {
    this.placement = placement;
    this.files = files;
    this.cache = cache;
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
      return new State.Ready(model.get());
    }
    if (fetching.compareAndSet(false, true)) {
      Thread.ofVirtual().name("tokenizer-fetch").start(() -> load(draft.get()));
    }
    return new State.Missing("no_tokenizer", "the tokenizer is on its way" + trouble);
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
      trouble = "";
      LOG.info("serves {} ({})", model.id(), model.fingerprint());
    } catch (IOException | RuntimeException failure) {
      trouble = ": " + failure.getMessage();
      LOG.warn("cannot take the tokenizer from {}: {}", worker.id(), failure.getMessage());
    } finally {
      fetching.set(false);
    }
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
        worker.model(), worker.fingerprint(), worker.contextLength(), worker.exitLayer(), worker.vocabSize(),
        eosIds(set), clock.instant(), text);
  }

  /** A turn may still use the tokenizer of the model before: all are freed at the end. */
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

  /** {@code eos_token_id} of {@code generation_config.json}, else of {@code config.json}: one id, several, or none. */
  static TokenIds eosIds(TokenizerFiles files) {
    for (String name : List.of("generation_config.json", "config.json")) {
      Optional<Object> eos = files.find(name).map(bytes -> json(files, name, bytes).getValue("eos_token_id"));
      if (eos.isPresent()) {
        return ids(files, name, eos.get());
      }
    }
    return TokenIds.empty();
  }

  private static JsonObject json(TokenizerFiles files, String name, byte[] bytes) {
    try {
      return new JsonObject(new String(bytes, StandardCharsets.UTF_8));
    } catch (DecodeException e) {
      throw InputException.in(files.source() + "/" + name, "is not a JSON object: " + e.getMessage());
    }
  }

  private static TokenIds ids(TokenizerFiles files, String name, Object eos) {
    JsonArray list = eos instanceof JsonArray several ? several : JsonArray.of(eos);
    int[] ids = new int[list.size()];
    for (int i = 0; i < ids.length; i++) {
      if (!(list.getValue(i) instanceof Integer id) || id < 0) {
        throw InputException.in(
            files.source() + "/" + name, "eos_token_id", eos, "must be a token id or a list of them");
      }
      ids[i] = id;
    }
    return TokenIds.of(ids);
  }
}

package dev.layermesh.cli.complete;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.layermesh.engine.speculation.ModelIdentity;
import java.util.Optional;
import java.util.TreeMap;

/**
 * The model and the arithmetic of an answer. If any field differs, tokens or counters may differ.
 *
 * @param fingerprint of the checkpoint
 * @param exitLayer E
 * @param layers digest of the layers, which the fingerprint does not cover; a gateway does not tell it
 * @param arithmetic of the backend; a gateway does not tell it
 */
public record ModelStamp(String fingerprint, int exitLayer, Optional<String> layers, Optional<String> arithmetic) {

  /** Of a model whose sides are loaded here. */
  static ModelStamp of(ModelIdentity draft, ModelIdentity verify) {
    var parts = new TreeMap<>(draft.fingerprint().parts());
    parts.putAll(verify.fingerprint().parts());
    return new ModelStamp(
        draft.fingerprint().id(),
        draft.exitLayer(),
        Optional.of(ShortHash.of(parts.toString())),
        Optional.of(draft.arithmetic()));
  }

  /** Of a model in a gateway's list. */
  static ModelStamp served(JsonNode model) {
    return new ModelStamp(
        model.path("fingerprint").asText(), model.path("exit_layer").asInt(), Optional.empty(), Optional.empty());
  }

  /** Adds it to a run's settings. */
  public void putInto(ObjectNode json) {
    json.put("model", fingerprint);
    layers.ifPresent(digest -> json.put("layers", digest));
    arithmetic.ifPresent(name -> json.put("arithmetic", name));
    json.put("exit_layer", exitLayer);
  }
}

package dev.layermesh.mesh.membership;

import dev.layermesh.decoding.InputException;
import io.vertx.core.json.JsonObject;
import java.util.HashMap;
import java.util.Map;
import java.util.TreeMap;

/**
 * What all workers of a mesh have in common: one checkpoint, split at one layer.
 *
 * @param fingerprint identifies what every worker holds of the checkpoint
 * @param parts       digests of parts that only some workers hold, by name; all that hold a part must agree on it
 * @param exitLayer   E, at least 1
 */
public record MeshIdentity(String fingerprint, Map<String, String> parts, int exitLayer) {
  public MeshIdentity {
    parts = Map.copyOf(parts);
    if (fingerprint == null || fingerprint.isBlank()) {
      throw InputException.of("fingerprint", fingerprint, "must not be empty");
    }
    if (exitLayer < 1) {
      throw InputException.of("exit_layer", exitLayer, "must be at least 1");
    }
  }

  /** An identity without digests of parts. */
  public MeshIdentity(String fingerprint, int exitLayer) {
    this(fingerprint, Map.of(), exitLayer);
  }

  static MeshIdentity of(WorkerAd ad) {
    return new MeshIdentity(ad.fingerprint(), ad.exitLayer());
  }

  MeshIdentity with(Map<String, String> knownParts) {
    return new MeshIdentity(fingerprint, knownParts, exitLayer);
  }

  /**
   * Compares this newcomer with what the mesh serves.
   *
   * @throws InputException if they differ, naming both values
   */
  void requireSameAs(MeshIdentity served) {
    if (!fingerprint.equals(served.fingerprint)) {
      throw InputException.of("fingerprint", fingerprint, "this mesh serves " + served.fingerprint
          + "; give the same model, or another --cluster");
    }
    new TreeMap<>(parts).forEach((part, digest) -> {
      String other = served.parts.getOrDefault(part, digest);
      if (!digest.equals(other)) {
        throw InputException.of("fingerprint." + part.replace(' ', '_'), digest, "this mesh serves " + other
            + "; give the same model, or another --cluster");
      }
    });
    if (exitLayer != served.exitLayer) {
      throw InputException.of("exit_layer", exitLayer, "this mesh serves " + served.exitLayer
          + "; give --exit-layer " + served.exitLayer + ", or another --cluster");
    }
  }

  JsonObject toJson() {
    return new JsonObject()
        .put("fingerprint", fingerprint).put("parts", new JsonObject(Map.copyOf(parts))).put("exit_layer", exitLayer);
  }

  static MeshIdentity fromJson(JsonObject json) {
    Map<String, String> parts = new HashMap<>();
    json.getJsonObject("parts", new JsonObject()).forEach(part -> parts.put(part.getKey(), (String) part.getValue()));
    return new MeshIdentity(json.getString("fingerprint"), parts, json.getInteger("exit_layer", 0));
  }
}

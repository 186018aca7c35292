package dev.layermesh.mesh.membership;

import dev.layermesh.decoding.InputException;
import io.vertx.core.json.JsonObject;

/**
 * What all workers of a mesh have in common: one checkpoint, split at one layer.
 *
 * @param fingerprint identifies the checkpoint's content
 * @param exitLayer   E, at least 1
 */
public record MeshIdentity(String fingerprint, int exitLayer) {
  public MeshIdentity {
    if (fingerprint == null || fingerprint.isBlank()) {
      throw InputException.of("fingerprint", fingerprint, "must not be empty");
    }
    if (exitLayer < 1) {
      throw InputException.of("exit_layer", exitLayer, "must be at least 1");
    }
  }

  static MeshIdentity of(WorkerAd ad) {
    return new MeshIdentity(ad.fingerprint(), ad.exitLayer());
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
    if (exitLayer != served.exitLayer) {
      throw InputException.of("exit_layer", exitLayer, "this mesh serves " + served.exitLayer
          + "; give --exit-layer " + served.exitLayer + ", or another --cluster");
    }
  }

  JsonObject toJson() {
    return new JsonObject().put("fingerprint", fingerprint).put("exit_layer", exitLayer);
  }

  static MeshIdentity fromJson(JsonObject json) {
    return new MeshIdentity(json.getString("fingerprint"), json.getInteger("exit_layer", 0));
  }
}

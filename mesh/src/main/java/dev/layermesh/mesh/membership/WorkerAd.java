package dev.layermesh.mesh.membership;

import dev.layermesh.decoding.InputException;
import dev.layermesh.decoding.WindowPolicy;
import io.vertx.core.json.DecodeException;
import io.vertx.core.json.JsonObject;
import java.security.SecureRandom;
import java.util.Locale;
import java.util.Objects;

/**
 * What a worker publishes about itself. A drafter and a verifier fit together when fingerprint, exit layer and
 * arithmetic agree.
 *
 * @param id            unique in the mesh, usable in an event bus address
 * @param role          which half it runs
 * @param model         the model's name, for people
 * @param fingerprint   identifies the checkpoint's content
 * @param arithmetic    identifies how it computes (backend, accumulation order), so that results are reproducible
 * @param exitLayer     E: the drafter runs [0, E), the verifier [E, L)
 * @param window        draft tokens in a window of sessions that set none
 * @param numLayers     L
 * @param hiddenSize    width of a row of exit states
 * @param vocabSize     ids are in [0, vocabSize)
 * @param contextLength most positions a session may have
 * @param full          a verifier that also holds layers [0, E)
 * @param sessions      sessions it holds at this moment
 * @param draining      finishes its sessions and takes no new ones
 */
public record WorkerAd(
    String id, Role role, String model, String fingerprint, String arithmetic, int exitLayer, int window,
    int numLayers, int hiddenSize, int vocabSize, int contextLength, boolean full, int sessions, boolean draining) {

  public WorkerAd {
    requireText("id", id);
    Objects.requireNonNull(role, "role");
    requireText("model", model);
    requireText("fingerprint", fingerprint);
    requireText("arithmetic", arithmetic);
    requireAtLeast("num_layers", numLayers, 1);
    if (exitLayer < 1 || exitLayer >= numLayers) {
      throw InputException.of("exit_layer", exitLayer, "must be in 1.." + (numLayers - 1) + " for " + numLayers
          + " layers");
    }
    WindowPolicy.sequential(window); // checks it
    requireAtLeast("hidden_size", hiddenSize, 1);
    requireAtLeast("vocab_size", vocabSize, 1);
    requireAtLeast("context_length", contextLength, 1);
    requireAtLeast("sessions", sessions, 0);
  }

  /** A fresh id for a worker: its role, for people, and 64 random bits. */
  public static String newId(Role role) {
    return "%s-%016x".formatted(role.name().toLowerCase(Locale.ROOT), new SecureRandom().nextLong());
  }

  /** The same ad with a new load and state. */
  public WorkerAd withLoad(int sessions, boolean draining) {
    return new WorkerAd(id, role, model, fingerprint, arithmetic, exitLayer, window, numLayers,
        hiddenSize, vocabSize, contextLength, full, sessions, draining);
  }

  /** The ad as a JSON object, the form in which it travels. */
  public JsonObject toJson() {
    return new JsonObject()
        .put("id", id).put("role", role.name()).put("model", model)
        .put("fingerprint", fingerprint).put("arithmetic", arithmetic)
        .put("exit_layer", exitLayer).put("window", window).put("num_layers", numLayers).put("hidden_size", hiddenSize)
        .put("vocab_size", vocabSize).put("context_length", contextLength)
        .put("full", full).put("sessions", sessions).put("draining", draining);
  }

  /**
   * Reads {@link #toJson()}; unknown fields are ignored.
   *
   * @throws InputException if a field is missing, of another type or out of range
   */
  public static WorkerAd fromJson(JsonObject json) {
    try {
      return new WorkerAd(json.getString("id"), Role.valueOf(json.getString("role", "")), json.getString("model"),
          json.getString("fingerprint"), json.getString("arithmetic"), json.getInteger("exit_layer", 0),
          json.getInteger("window", -1), json.getInteger("num_layers", 0), json.getInteger("hidden_size", 0),
          json.getInteger("vocab_size", 0), json.getInteger("context_length", 0), json.getBoolean("full", false),
          json.getInteger("sessions", 0),
          json.getBoolean("draining", false));
    } catch (InputException e) {
      throw InputException.in("worker ad", e.getMessage());
    } catch (ClassCastException | NullPointerException | IllegalArgumentException | DecodeException e) {
      throw InputException.in("worker ad", "is malformed: " + e.getMessage());
    }
  }

  private static void requireText(String field, String value) {
    if (value == null || value.isBlank()) {
      throw InputException.of(field, value, "must not be empty");
    }
  }

  private static void requireAtLeast(String field, int value, int least) {
    if (value < least) {
      throw InputException.of(field, value, "must be at least " + least);
    }
  }
}

package dev.layermesh.gateway.turn;

import dev.layermesh.tokenizer.text.ModelText;
import java.time.Instant;

/**
 * The model a mesh serves.
 *
 * @param id its name in requests
 * @param fingerprint of the checkpoint
 * @param contextLength positions of prompt and answer together
 * @param exitLayer E
 * @param since when this gateway first served it
 * @param text its tokenizer and chat template, its vocabulary and the tokens that end a generation
 */
public record ServedModel(
    String id, String fingerprint, int contextLength, int exitLayer, Instant since, ModelText text) {

  /** The same model split at another layer. */
  public ServedModel splitAt(int layer) {
    return layer == exitLayer ? this : new ServedModel(id, fingerprint, contextLength, layer, since, text);
  }
}

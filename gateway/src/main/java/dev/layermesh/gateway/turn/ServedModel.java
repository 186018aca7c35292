package dev.layermesh.gateway.turn;

import dev.layermesh.decoding.TokenIds;
import java.time.Instant;

/**
 * The model a mesh serves.
 *
 * @param id its name in requests
 * @param fingerprint of the checkpoint
 * @param contextLength positions of prompt and answer together
 * @param exitLayer E
 * @param vocabSize ids are in [0, vocabSize)
 * @param eosIds tokens that end a sequence
 * @param since when this gateway first served it
 * @param text its tokenizer and chat template
 */
public record ServedModel(
    String id,
    String fingerprint,
    int contextLength,
    int exitLayer,
    int vocabSize,
    TokenIds eosIds,
    Instant since,
    ModelText text) {

  /** The same model split at another layer. */
  public ServedModel splitAt(int layer) {
    return layer == exitLayer
        ? this
        : new ServedModel(id, fingerprint, contextLength, layer, vocabSize, eosIds, since, text);
  }
}

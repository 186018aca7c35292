package dev.layermesh.mesh.telemetry;

import io.opentelemetry.api.common.AttributeKey;

/**
 * Names of spans and their attributes. A request has one span in the gateway and a handful below it; rounds are
 * counted in attributes and metrics, never one span each. {@code gen_ai.*} follows the OpenTelemetry conventions for
 * generative AI, {@code spec.*} is ours, as they have no word for speculation. No span carries a prompt.
 */
public final class Spans {
  /** The gateway's span of one generation, followed by the model's name: {@code chat {model}}. */
  public static final String REQUEST = "chat";
  /** A drafter runs the known tokens through its layers. */
  public static final String PREFILL_DRAFT = "prefill draft";
  /** A verifier runs the rows of known tokens through its layers. */
  public static final String PREFILL_VERIFY = "prefill verify";
  /** From the first round to the last token. */
  public static final String DECODE = "decode";
  /** A session is resumed on other workers after one was lost. */
  public static final String RESUME = "resume";

  public static final AttributeKey<String> OPERATION = AttributeKey.stringKey("gen_ai.operation.name");
  public static final AttributeKey<String> PROVIDER = AttributeKey.stringKey("gen_ai.provider.name");
  public static final AttributeKey<String> MODEL = AttributeKey.stringKey("gen_ai.request.model");
  public static final AttributeKey<Long> INPUT_TOKENS = AttributeKey.longKey("gen_ai.usage.input_tokens");
  public static final AttributeKey<Long> OUTPUT_TOKENS = AttributeKey.longKey("gen_ai.usage.output_tokens");

  public static final AttributeKey<String> SESSION = AttributeKey.stringKey("spec.session");
  public static final AttributeKey<Long> EPOCH = AttributeKey.longKey("spec.epoch");
  public static final AttributeKey<String> WORKER = AttributeKey.stringKey("spec.worker");
  public static final AttributeKey<Long> ROUNDS = AttributeKey.longKey("spec.rounds");
  public static final AttributeKey<Long> DRAFTED = AttributeKey.longKey("spec.drafted");
  public static final AttributeKey<Long> ACCEPTED = AttributeKey.longKey("spec.accepted");
  /** Rows run through this worker's layers. */
  public static final AttributeKey<Long> ROWS = AttributeKey.longKey("spec.rows");

  private Spans() {}

  /** The name of a request's span. */
  public static String request(String model) {
    return REQUEST + " " + model;
  }
}

package dev.layermesh.gateway.turn;

import dev.layermesh.decoding.InputException;
import dev.layermesh.decoding.SamplingParams;
import dev.layermesh.decoding.SessionKey;
import dev.layermesh.decoding.SessionSpec;
import dev.layermesh.decoding.StopRule;
import dev.layermesh.decoding.TokenIds;
import dev.layermesh.decoding.WindowPolicy;
import dev.layermesh.tokenizer.text.Prompt;
import java.util.Optional;
import java.util.OptionalInt;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A request that fits the model, with its prompt encoded and its limits resolved.
 *
 * @param request the request
 * @param model the model that answers
 * @param prompt the tokens of the request's prompt
 * @param stops when the session stops by itself
 * @param sampling how to choose tokens
 * @param window how far to draft ahead
 */
public record TurnPlan(
    TurnRequest request, ServedModel model, TokenIds prompt, StopRule stops, SamplingParams sampling,
    WindowPolicy window) {
  private static final Logger LOG = LoggerFactory.getLogger(TurnPlan.class);
  /** Most characters of a prompt per position of the context: an average token is shorter. */
  private static final int CHARACTERS_PER_POSITION = 16;

  /**
   * Plans a request. Encoding takes time in proportion to the prompt, so do not call this on an event loop.
   *
   * @throws ApiException if it does not fit
   */
  static TurnPlan of(TurnRequest request, ServedModel model) {
    request.model().filter(name -> !name.equals(model.id())).ifPresent(name -> {
      throw new ApiException(new ApiError(
          404, "invalid_request_error", "model_not_found", Optional.of("model"),
          "model: " + shorten(name) + " is not served here, " + model.id() + " is", OptionalInt.empty()));
    });
    TokenIds prompt = encode(request, model);
    int room = model.contextLength() - prompt.length();
    int limit = Math.min(request.maxTokens().orElse(room), room);
    TokenIds eos = request.ignoreEos() ? TokenIds.empty() : model.text().eosIds();
    WindowPolicy window = request.window().isPresent()
        ? new WindowPolicy(request.window().getAsInt(), 1, false)
        : model.window();
    return new TurnPlan(request, model, prompt, new StopRule(eos, limit, model.contextLength()),
        request.sampling().or(model.sampling()), window);
  }

  /** The session that generates the answer. */
  SessionSpec session(SessionKey key) {
    return new SessionSpec(key, prompt, stops, sampling, window);
  }

  private static TokenIds encode(TurnRequest request, ServedModel model) {
    String field = request.promptField();
    requireMayFit(request.prompt(), field, model.contextLength());
    if (request.prompt() instanceof Prompt.Chat && !model.text().hasChatTemplate()) {
      throw ApiException.invalid(
          field, "the model has no chat template; send \"prompt\" to /v1/completions, or \"prompt_ids\"");
    }
    TokenIds prompt;
    try {
      prompt = model.text().encode(request.prompt(), i -> field + "[" + i + "]");
    } catch (InputException e) {
      throw refused(field, e);
    }
    if (prompt.isEmpty()) {
      throw ApiException.invalid(field, "must hold at least one token");
    }
    if (prompt.length() >= model.contextLength()) {
      throw tooLong(field, prompt.length() + " tokens", model.contextLength());
    }
    return prompt;
  }

  /** A client can mend messages that the template refuses and an id outside the vocabulary, and no other failure. */
  private static ApiException refused(String field, InputException failure) {
    if (failure.field().startsWith(field + "[")) {
      return new ApiException(ApiError.of(failure));
    }
    if (failure.field().equals("messages")) {
      return ApiException.invalid(field, failure.getMessage());
    }
    LOG.error("{}", failure.getMessage());
    return new ApiException(ApiError.server("template_failed", "the model's chat template failed"));
  }

  /** Refuses a prompt that cannot fit before it is encoded. */
  private static void requireMayFit(Prompt prompt, String field, int contextLength) {
    long characters = switch (prompt) {
      case Prompt.Text text -> text.text().length();
      case Prompt.Chat chat -> {
        if (chat.messages().size() > contextLength) {
          throw tooLong(field, chat.messages().size() + " messages", contextLength);
        }
        yield chat.messages().stream().mapToLong(each -> each.role().length() + each.content().length()).sum();
      }
      case Prompt.Ids ids -> 0;
    };
    if (characters > (long) CHARACTERS_PER_POSITION * contextLength) {
      throw tooLong(field, characters + " characters", contextLength);
    }
  }

  private static ApiException tooLong(String field, String size, int contextLength) {
    return new ApiException(new ApiError(
        400, "invalid_request_error", "context_length_exceeded", Optional.of(field),
        field + ": " + size + " do not fit into the context of " + contextLength, OptionalInt.empty()));
  }

  private static String shorten(String name) {
    return name.length() > 100 ? name.substring(0, 100) + "…" : name;
  }
}

package dev.layermesh.gateway.turn;

/** What is served at this moment. Never blocks; any thread. */
@FunctionalInterface
public interface ModelSource {

  /** The model, or what is missing. */
  State state();

  /** Whether there is a model to answer with. */
  sealed interface State {

    /** A draft and a verify worker fit together and the tokenizer is here. */
    record Ready(ServedModel model) implements State {}

    /**
     * Not yet, or not any more.
     *
     * @param code for programs, such as {@code no_draft_worker}
     * @param missing for people, one clause
     */
    record Missing(String code, String missing) implements State {}
  }
}

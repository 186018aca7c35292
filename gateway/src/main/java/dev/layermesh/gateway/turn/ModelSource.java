package dev.layermesh.gateway.turn;

/** The model the mesh serves now. Never blocks; any thread may call. */
@FunctionalInterface
public interface ModelSource {

  /** The model, or the reason why there is none. */
  State state();

  /** A model, or none. */
  sealed interface State {

    /** A draft and a verify worker fit together, and the tokenizer is loaded. */
    record Ready(ServedModel model) implements State {}

    /**
     * No model now.
     *
     * @param code for programs, such as {@code no_draft_worker}
     * @param missing for people, one clause
     */
    record Missing(String code, String missing) implements State {}
  }
}

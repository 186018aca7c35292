package dev.layermesh.decoding.loop;

import dev.layermesh.decoding.SessionSpec;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.function.Function;
import java.util.function.Supplier;

/** Runs each session's loop on a virtual thread of this JVM. */
public final class LocalSessionHost implements SessionHost {
  private final Function<SessionSpec, Drafter> drafters;
  private final Supplier<Verifier> verifiers;

  /**
   * A host whose sessions draft here.
   *
   * @param drafters a fresh drafter for a session
   * @param verifiers a fresh way to a verifier, here or across the bus
   */
  public LocalSessionHost(Function<SessionSpec, Drafter> drafters, Supplier<Verifier> verifiers) {
    this.drafters = drafters;
    this.verifiers = verifiers;
  }

  @Override
  public Session open(SessionSpec spec, TokenSink sink) {
    var outcome = new CompletableFuture<Outcome>();
    Thread loop = Thread.ofVirtual().name("session-" + spec.key()).start(() -> run(spec, sink, outcome));
    return new Session() {
      @Override
      public CompletionStage<Outcome> outcome() {
        return outcome;
      }

      @Override
      public void cancel() {
        loop.interrupt();
      }
    };
  }

  private void run(SessionSpec spec, TokenSink sink, CompletableFuture<Outcome> outcome) {
    Outcome result;
    try (Drafter drafter = drafters.apply(spec);
        Verifier verifier = verifiers.get()) {
      result = new SpeculativeDecoder(spec, drafter, verifier, sink).run();
    } catch (Throwable failure) {
      outcome.completeExceptionally(failure);
      return;
    }
    outcome.complete(result);
  }
}

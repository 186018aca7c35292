package dev.layermesh.engine.lane;

import dev.layermesh.decoding.HiddenRows;
import dev.layermesh.decoding.TokenIds;
import dev.layermesh.engine.kv.PrefixHit;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;

/** What a session asks of its lane. A session's thread makes it, the lane's thread carries it out. */
sealed interface Order {

  /**
   * Runs a step's rows.
   *
   * @param result empty once they have run, else why they were not run
   */
  record Run(Tenant tenant, Step step, CompletableFuture<Optional<StepResult.Refused>> result) implements Order {}

  /** Takes rows of {@code ids}, from position {@code first} on, from blocks that other sessions share. */
  record HitPrefix(Tenant tenant, int first, TokenIds ids, CompletableFuture<PrefixHit> result) implements Order {}

  /** Offers a full block to other sessions. */
  record Share(Tenant tenant, int block, TokenIds ids, Optional<HiddenRows> states) implements Order {}

  /** Ends a session and frees its cache. */
  record Leave(Tenant tenant) implements Order {}

  /** Ends the lane. */
  record Stop() implements Order {}
}

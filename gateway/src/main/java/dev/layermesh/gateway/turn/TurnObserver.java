package dev.layermesh.gateway.turn;

import dev.layermesh.decoding.loop.Round;

/**
 * Observes one turn, on its event loop. At most one of {@code ended}, {@code failed} and {@code clientGone} is called.
 */
interface TurnObserver {

  void started(TurnWriter.Header header);

  void firstToken(long nanosSinceStart);

  void round(Round round);

  void ended(TurnResult result);

  void failed(ApiError error);

  /** The client is gone. */
  void clientGone(int tokens);
}

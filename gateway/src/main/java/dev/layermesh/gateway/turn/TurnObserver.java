package dev.layermesh.gateway.turn;

import dev.layermesh.decoding.loop.Round;

/** Hears what telemetry counts of one turn, on its event loop: at most one call of the three ends. */
interface TurnObserver {

  void started(TurnWriter.Header header);

  void firstToken(long nanosSinceStart);

  void round(Round round);

  void ended(TurnResult result);

  void failed(ApiError error);

  /** The client is gone. */
  void clientGone(int tokens);
}

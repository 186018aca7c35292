package dev.layermesh.gateway.turn;

import dev.layermesh.decoding.TokenIds;
import dev.layermesh.decoding.loop.Round;
import dev.layermesh.gateway.turn.ModelText.TextStream;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/** Turns the rounds of one generation into pieces of text, up to the first stop string. Owned by the turn's thread. */
final class TurnText {
  private final ModelText model;
  private final TextStream stream;
  private final TokenIds eosIds;
  private final boolean detailed;
  private final StringBuilder text = new StringBuilder();
  private final IdBuffer ids = new IdBuffer();

  TurnText(TurnPlan plan) {
    model = plan.model().text();
    stream = model.stream(plan.request().stops());
    eosIds = plan.stops().eosIds();
    detailed = plan.request().output().speculation();
  }

  /** The piece a round adds. Tokens behind the one that completed a stop string are not part of it. */
  Delta take(Round round) {
    var pieces = new ArrayList<String>();
    for (int i = 0; i < round.committed().length() && !stream.stopped(); i++) {
      int id = round.committed().id(i);
      pieces.add(eosIds.contains(id) ? "" : stream.append(id));
    }
    String piece = String.join("", pieces);
    TokenIds taken = round.committed().slice(0, pieces.size());
    text.append(piece);
    ids.append(taken);
    return new Delta(piece, taken, detailed ? Optional.of(detail(round, pieces)) : Optional.empty());
  }

  /** The piece that was held back, at the end. */
  Delta finish() {
    String rest = stream.stopped() ? "" : stream.finish();
    text.append(rest);
    return new Delta(rest, TokenIds.empty(), Optional.empty());
  }

  boolean stopped() {
    return stream.stopped();
  }

  /** All text so far. */
  String text() {
    return text.toString();
  }

  /** All tokens so far. */
  TokenIds ids() {
    return ids.toTokenIds();
  }

  /** How many. */
  int length() {
    return ids.length();
  }

  private Delta.Detail detail(Round round, List<String> pieces) {
    var rejected = new ArrayList<String>();
    for (int i = round.accepted(); i < round.drafted().length(); i++) {
      rejected.add(model.decode(TokenIds.of(round.drafted().id(i))));
    }
    return new Delta.Detail(round, pieces, rejected);
  }
}

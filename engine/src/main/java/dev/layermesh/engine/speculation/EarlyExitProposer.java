package dev.layermesh.engine.speculation;

import dev.layermesh.decoding.Distribution;
import dev.layermesh.decoding.DraftChoice;
import dev.layermesh.decoding.DraftToken;
import dev.layermesh.decoding.SessionSpec;
import dev.layermesh.decoding.TokenSequence;
import java.util.ArrayList;
import java.util.List;

/**
 * Proposes what the first layers of the target itself and the shared head say (LayerSkip, arXiv 2404.16710), one row
 * for each token.
 *
 * @param spec of the session
 * @param early also run the drafter's rows, and hold those of all known tokens but the last
 * @param choice makes a token of a distribution
 */
record EarlyExitProposer(SessionSpec spec, EarlyLayers early, DraftChoice choice) implements Proposer {

  @Override
  public List<DraftToken> propose(TokenSequence known, int limit) throws InterruptedException {
    var drafted = new ArrayList<DraftToken>(limit);
    int id = known.id(known.length() - 1);
    while (drafted.size() < limit && (drafted.isEmpty() || !spec.stops().eosIds().contains(id))) {
      Distribution q = early.draw(id, spec.sampling());
      drafted.add(choice.choose(q, known.length() + drafted.size()));
      id = drafted.getLast().id();
    }
    return drafted;
  }
}

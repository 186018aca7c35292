package dev.layermesh.mesh.membership;

final class Ads {
  private Ads() {}

  static WorkerAd draft(String id) {
    return ad(id, Role.DRAFT);
  }

  static WorkerAd verify(String id) {
    return ad(id, Role.VERIFY);
  }

  static WorkerAd ad(String id, Role role) {
    return new WorkerAd(id, role, "shakespeare", "f1", "cpu", 2, 4, 8, 64, 256, 512, false, 0, false);
  }

  static WorkerAd with(WorkerAd ad, String fingerprint, int exitLayer, String arithmetic) {
    return new WorkerAd(ad.id(), ad.role(), ad.model(), fingerprint, arithmetic, exitLayer, ad.window(),
        ad.numLayers(), ad.hiddenSize(), ad.vocabSize(), ad.contextLength(), ad.full(), ad.sessions(), ad.draining());
  }
}

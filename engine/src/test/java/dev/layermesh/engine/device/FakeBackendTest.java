package dev.layermesh.engine.device;

import dev.layermesh.engine.backend.Backend;
import dev.layermesh.engine.backend.BackendContract;
import dev.layermesh.engine.backend.BackendOptions;
import dev.layermesh.engine.backend.Device;
import dev.layermesh.engine.kv.KvOptions;

/** Shows that the contract can be met without a CPU. */
class FakeBackendTest extends BackendContract {

  @Override
  protected Backend backend(BackendOptions options) {
    return new FakeProvider().create(options);
  }

  @Override
  protected BackendOptions options() {
    return new BackendOptions(Device.parse("fake:0"), 1, KvOptions.ofMemory(FakeProvider.MEMORY), false);
  }

  @Override
  protected boolean givesLogits() {
    return false;
  }
}

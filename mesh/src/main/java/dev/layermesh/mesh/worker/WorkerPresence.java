package dev.layermesh.mesh.worker;

import dev.layermesh.mesh.files.ModelFilesEndpoint;
import dev.layermesh.mesh.membership.Announcement;
import dev.layermesh.mesh.membership.MeshNode;
import dev.layermesh.mesh.membership.WorkerAd;
import dev.layermesh.mesh.membership.WorkerRegistry;
import io.vertx.core.Vertx;
import java.util.Map;
import java.util.function.IntSupplier;

/**
 * What the mesh sees of a worker: its ad, kept up to date with its load, and the small files of its model. Opened once
 * the worker's endpoint is ready. Opening and closing block and belong on a main or virtual thread.
 */
public final class WorkerPresence implements AutoCloseable {
  private static final long UPDATE_MILLIS = 250;

  private final Vertx vertx;
  private final ModelFilesEndpoint files;
  private final Announcement announcement;
  private final long timer;
  private volatile boolean draining;

  private WorkerPresence(Vertx vertx, ModelFilesEndpoint files, Announcement announcement, IntSupplier sessions) {
    this.vertx = vertx;
    this.files = files;
    this.announcement = announcement;
    this.timer = vertx.setPeriodic(UPDATE_MILLIS, _ -> announcement.update(sessions.getAsInt(), draining));
  }

  /**
   * Announces a worker.
   *
   * @param parts digests of the parts of the model that this worker knows
   * @param modelFiles tokenizer and configuration, which a gateway needs, by file name
   * @param sessions sessions the worker holds now
   * @throws dev.layermesh.decoding.InputException when the mesh serves another model or exit layer
   */
  public static WorkerPresence open(
      MeshNode node,
      WorkerRegistry registry,
      WorkerAd ad,
      Map<String, String> parts,
      Map<String, byte[]> modelFiles,
      IntSupplier sessions) {
    ModelFilesEndpoint files = ModelFilesEndpoint.open(node.vertx(), ad.id(), modelFiles);
    try {
      return new WorkerPresence(node.vertx(), files, registry.announce(ad, parts), sessions);
    } catch (RuntimeException refused) {
      files.close();
      throw refused;
    }
  }

  /** Asks the mesh to place no more sessions here. */
  public void drain() {
    draining = true;
  }

  /** Removes the ad. */
  @Override
  public void close() {
    vertx.cancelTimer(timer);
    announcement.close();
    files.close();
  }
}

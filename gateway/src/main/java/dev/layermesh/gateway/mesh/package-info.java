/**
 * The gateway's side of the mesh: finds the model that workers serve, and runs sessions that survive the loss of a
 * worker.
 */
package dev.layermesh.gateway.mesh;

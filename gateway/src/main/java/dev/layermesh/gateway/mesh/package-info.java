/** The mesh behind the gateway: which model its workers serve, and generations that survive the loss of a worker. */
package dev.layermesh.gateway.mesh;

/** The members of the mesh: joins it, announces a worker, tracks the other workers, chooses among them. */
package dev.layermesh.mesh.membership;

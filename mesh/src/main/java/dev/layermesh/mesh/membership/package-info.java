/** Who is in the mesh: joining it, announcing a worker, seeing the others, choosing among them. */
package dev.layermesh.mesh.membership;

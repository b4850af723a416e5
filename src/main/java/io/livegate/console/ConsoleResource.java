package io.livegate.console;

import io.livegate.admin.PolicyResource;
import io.livegate.admin.PolicyResource.Explanation;
import io.livegate.admin.PolicyResource.PolicyView;
import io.livegate.admin.SessionResource;
import io.livegate.admin.SubjectResource;
import io.livegate.admin.SubjectResource.Block;
import io.smallrye.common.annotation.NonBlocking;
import io.smallrye.mutiny.Uni;
import io.vertx.ext.web.RoutingContext;
import jakarta.ws.rs.DELETE;
import jakarta.ws.rs.GET;
import jakarta.ws.rs.POST;
import jakarta.ws.rs.PUT;
import jakarta.ws.rs.Path;
import jakarta.ws.rs.PathParam;
import jakarta.ws.rs.Produces;
import jakarta.ws.rs.QueryParam;
import jakarta.ws.rs.core.MediaType;
import jakarta.ws.rs.core.Response;
import org.eclipse.microprofile.openapi.annotations.Operation;
import org.jspecify.annotations.Nullable;

/**
 * What the console asks for: parts of the admin API, for who has signed in at the page instead of
 * bringing a token.
 */
@Path("/console/api")
@Produces(MediaType.APPLICATION_JSON)
@NonBlocking
public class ConsoleResource {

  private final SessionResource sessions;
  private final SubjectResource subjects;
  private final PolicyResource policy;

  ConsoleResource(SessionResource sessions, SubjectResource subjects, PolicyResource policy) {
    this.sessions = sessions;
    this.subjects = subjects;
    this.policy = policy;
  }

  @DELETE
  @Path("/sessions/{id}")
  @Operation(hidden = true)
  public Uni<Response> end(@PathParam("id") String id) {
    return sessions.end(id);
  }

  @DELETE
  @Path("/sessions")
  @Operation(hidden = true)
  public Uni<Response> endAll(@QueryParam("subject") @Nullable String subject) {
    return sessions.endAll(subject, null);
  }

  @PUT
  @Path("/subjects/{subject}/block")
  @Operation(hidden = true)
  public Uni<Block> block(
      @PathParam("subject") String subject, byte @Nullable [] body, RoutingContext context) {
    return subjects.block(subject, body, context);
  }

  @GET
  @Path("/subjects/{subject}/block")
  @Operation(hidden = true)
  public Uni<Block> blocked(@PathParam("subject") String subject) {
    return subjects.show(subject);
  }

  @DELETE
  @Path("/subjects/{subject}/block")
  @Operation(hidden = true)
  public Uni<Response> unblock(@PathParam("subject") String subject) {
    return subjects.unblock(subject);
  }

  @GET
  @Path("/policy")
  @Operation(hidden = true)
  public PolicyView policy() {
    return policy.policy();
  }

  @POST
  @Path("/explain")
  @Operation(hidden = true)
  public Explanation explain(byte @Nullable [] body, RoutingContext context) {
    return policy.explain(body, context);
  }
}

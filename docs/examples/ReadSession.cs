// Reads one session through the gateway with Microsoft's Graph client:
//   dotnet add package Microsoft.Graph.Beta --prerelease
//   SSL_CERT_FILE=/etc/gateway/ca.crt GATEWAY_URL=https://session-gateway.soc.svc dotnet run -- SESSION
using Microsoft.Graph.Beta;
using Microsoft.Kiota.Abstractions.Authentication;

var gateway = new Uri(Environment.GetEnvironmentVariable("GATEWAY_URL") ?? "https://session-gateway.soc.svc");
var tokenFile = Environment.GetEnvironmentVariable("GATEWAY_TOKEN_FILE") ?? "/var/run/secrets/session-gateway/token";

var authentication = new BaseBearerTokenAuthenticationProvider(new ProjectedToken(tokenFile, gateway.Host));
var graph = new GraphServiceClient(authentication, new Uri(gateway, "/beta").ToString());

// The client tries 429, 503 and 504 again by itself, after Retry-After.
var session = await graph.Security.SecurityCopilot.Workspaces["default"].Sessions[args[0]]
    .GetAsync(request => request.QueryParameters.Select = ["id", "displayName"]);
Console.WriteLine(session?.DisplayName);

// Asked for each call: the kubelet renews the file.
sealed class ProjectedToken(string file, string host) : IAccessTokenProvider
{
    // Whoever else is asked, by a redirect or a link, gets no token.
    public AllowedHostsValidator AllowedHostsValidator { get; } = new([host]);

    public async Task<string> GetAuthorizationTokenAsync(
        Uri uri, Dictionary<string, object>? context = null, CancellationToken cancellation = default) =>
        AllowedHostsValidator.IsUrlHostValid(uri) && uri.Scheme == Uri.UriSchemeHttps
            ? (await File.ReadAllTextAsync(file, cancellation)).Trim()
            : string.Empty;
}

vcl 4.1;

backend origin {
  .host = "127.0.0.1";
  .port = "{{originPort}}";
}

sub vcl_recv {
  # Requests with a token are not cached unless told. It asks nobody who they are.
  return (hash);
}

sub vcl_backend_response {
  set beresp.ttl = 1h;
}

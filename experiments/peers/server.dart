// The work on Dart's HttpServer: isolates that share one port, as subsrv's workers do.
//
// usage: server HANDLER PORT WORKERS

import 'dart:convert';
import 'dart:io';
import 'dart:isolate';
import 'dart:typed_data';

final hello = ascii.encode('Hello, world!');
final chunk = ascii.encode('0123456789abcdef' * 4096);
final text = ContentType('text', 'plain');

List<Map<String, Object>> items() => [
      for (var number = 1; number <= 5; number++)
        {
          'id': number,
          'name': 'Article number $number',
          'category': 'hardware',
          'price': 112 + number,
          'quantity': number + 7,
          'active': number % 2 == 0,
          'tags': ['new', 'sale', 'fast'],
          'rating': {'score': 40 + number, 'count': 120 + number},
        }
    ];

final catalogue = items();

void answer(HttpRequest request, List<int> body, ContentType kind) {
  request.response
    ..headers.contentType = kind
    ..contentLength = body.length
    ..add(body)
    ..close();
}

Future<Uint8List> bodyOf(HttpRequest request) async {
  final parts = BytesBuilder(copy: false);
  await request.forEach(parts.add);
  return parts.takeBytes();
}

void sayHello(HttpRequest request) => answer(request, hello, text);

Future<void> baseline(HttpRequest request) async {
  var total = 0;
  for (final value in request.uri.queryParameters.values) {
    total += int.parse(value);
  }
  if (request.method == 'POST') {
    total += int.parse(ascii.decode(await bodyOf(request)));
  }
  answer(request, ascii.encode('$total'), text);
}

void articles(HttpRequest request) {
  final multiplier = int.parse(request.uri.queryParameters['m']!);
  final found = [
    for (final item in catalogue)
      {
        ...item,
        'total': (item['price'] as int) * (item['quantity'] as int) * multiplier,
      }
  ];
  final body = utf8.encode(jsonEncode({'items': found, 'count': found.length}));
  answer(request, body, ContentType('application', 'json'));
}

Future<void> echo(HttpRequest request) async =>
    answer(request, await bodyOf(request), ContentType.binary);

Future<void> upload(HttpRequest request) async {
  var size = 0;
  await for (final part in request) {
    size += part.length;
  }
  answer(request, ascii.encode('$size'), text);
}

Future<void> stream(HttpRequest request) async {
  final response = request.response;
  response.headers.contentType = ContentType.binary;
  response.bufferOutput = false;
  for (var count = 0; count < 16; count++) {
    response.add(chunk);
    await response.flush();
  }
  await response.close();
}

// A client that leaves in the middle is no reason to end the isolate.
void Function(HttpRequest) guarded(Future<void> Function(HttpRequest) handler) =>
    (request) => handler(request).onError<IOException>((error, trace) {});

final handlers = <String, void Function(HttpRequest)>{
  'hello': sayHello,
  'baseline': guarded(baseline),
  'articles': articles,
  'echo': guarded(echo),
  'upload': guarded(upload),
  'stream': guarded(stream),
};

Future<void> serve((String, int) what) async {
  final server = await HttpServer.bind('127.0.0.1', what.$2, backlog: 2048, shared: true);
  // Four headers against sniffing and framing, which no other server here adds by itself.
  server.defaultResponseHeaders.clear();
  server.listen(handlers[what.$1]!);
}

Future<void> main(List<String> arguments) async {
  final what = (arguments[0], int.parse(arguments[1]));
  for (var number = 1; number < int.parse(arguments[2]); number++) {
    await Isolate.spawn(serve, what);
  }
  await serve(what);
}

// What Dart's ports cost: `ports METRIC COUNT VALUES` prints seconds for each operation, as JSON.

import 'dart:async';
import 'dart:convert';
import 'dart:isolate';
import 'dart:typed_data';

void echo(SendPort out) {
  final inbox = ReceivePort();
  out.send(inbox.sendPort);
  inbox.listen((message) {
    if (message == null) {
      inbox.close();
    } else {
      out.send(message);
    }
  });
}

void fill(List<Object> arguments) {
  final out = arguments[0] as SendPort;
  final count = arguments[1] as int;
  out.send(DateTime.now().microsecondsSinceEpoch);
  for (var sent = 0; sent < count; sent++) {
    out.send(1);
  }
}

Future<double> stream(int count) async {
  final port = ReceivePort();
  final done = Completer<double>();
  var left = count;
  int? began;
  port.listen((message) {
    if (began == null) {
      began = message as int;
    } else if (--left == 0) {
      port.close();
      done.complete((DateTime.now().microsecondsSinceEpoch - began!) / 1e6 / count);
    }
  });
  await Isolate.spawn(fill, [port.sendPort, count]);
  return done.future;
}

Future<double> trip(int count, Object first) async {
  final port = ReceivePort();
  final done = Completer<double>();
  final clock = Stopwatch();
  SendPort? there;
  var left = count;
  port.listen((message) {
    if (there == null) {
      there = message as SendPort;
      clock.start();
      there!.send(first);
    } else if (--left == 0) {
      clock.stop();
      there!.send(null);
      port.close();
      done.complete(clock.elapsedMicroseconds / 1e6 / count);
    } else {
      there!.send(message);
    }
  });
  await Isolate.spawn(echo, port.sendPort);
  return done.future;
}

int nothing() => 0;

Future<double> run(int count) async {
  final clock = Stopwatch()..start();
  for (var done = 0; done < count; done++) {
    await Isolate.run(nothing);
  }
  return clock.elapsedMicroseconds / 1e6 / count;
}

Future<void> main(List<String> arguments) async {
  final count = int.parse(arguments[1]);
  final values = <double>[];
  for (var value = int.parse(arguments[2]); value > 0; value--) {
    values.add(await switch (arguments[0]) {
      'stream' => stream(count),
      'trip' => trip(count, 1),
      'block' => trip(count, TransferableTypedData.fromList([Uint8List(10000000)])),
      _ => run(count),
    });
  }
  print(jsonEncode(values));
}

const ffmpeg = require("fluent-ffmpeg");
const http = require("http");
const { Readable } = require("stream");

// A fifth of a second of 880 Hz as samples of 16 bits, 8000 a second.
const tone = Buffer.alloc(3200);
for (let i = 0; i < 1600; i++) tone.writeInt16LE(Math.round(9000 * Math.sin((i * 880 * 2 * Math.PI) / 8000)), 2 * i);

// A tone in the format of the path, such as /mp3, and what ffprobe says of it.
function beep(format, done) {
  const file = `/tmp/beep.${format}`;
  ffmpeg(Readable.from([tone]))
    .inputFormat("s16le")
    .inputOptions(["-ar 8000", "-ac 1"])
    .on("error", done)
    .on("end", () => ffmpeg.ffprobe(file, (err, data) => done(err, data && data.streams[0].codec_name)))
    .save(file);
}

http
  .createServer((request, response) => {
    if (request.url === "/health") return response.end("ok");
    beep(request.url.slice(1) || "mp3", (err, codec) => {
      response.statusCode = err ? 500 : 200;
      response.end(err ? err.message : codec);
    });
  })
  .listen(process.env.PORT || 3000);

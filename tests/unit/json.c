#include "base/json.h"
#include <cJSON.h>
#include <criterion/criterion.h>

/* One of everything, as both forms show it. */
static void write_sample(struct json *json)
{
	json_open_object(json, NULL);
	json_int(json, "formatVersion", 1);
	json_open_flat_object(json, "host");
	json_text(json, "name", "dom0");
	json_open_array(json, "bridges");
	json_text(json, NULL, "xenbr0");
	json_text(json, NULL, "xenbr1");
	json_close(json, ']');
	json_close(json, '}');
	json_open_array(json, "changes");
	json_open_object(json, NULL);
	json_bool(json, "allowed", true);
	json_null(json, "have");
	json_text(json, "want", NULL);
	json_raw(json, "field", "[1,2]");
	json_close(json, '}');
	json_open_flat_array(json, NULL);
	json_int(json, NULL, INT64_MIN);
	json_bool(json, NULL, false);
	json_close(json, ']');
	json_close(json, ']');
	json_open_array(json, "unmanaged");
	json_close(json, ']');
	json_open_object(json, "empty");
	json_close(json, '}');
	json_close(json, '}');
	json_end(json);
}

Test(json, canonical_has_no_white_space)
{
	BUFFER_SCOPED out = {0};
	struct json json = json_to_buffer(&out, false);
	write_sample(&json);
	cr_assert_str_eq(buffer_string(&out),
		"{\"formatVersion\":1,\"host\":{\"name\":\"dom0\",\"bridges\":[\"xenbr0\",\"xenbr1\"]},"
		"\"changes\":[{\"allowed\":true,\"have\":null,\"want\":null,\"field\":[1,2]},"
		"[-9223372036854775808,false]],\"unmanaged\":[],\"empty\":{}}\n");
}

Test(json, pretty_keeps_flat_parts_on_their_line)
{
	BUFFER_SCOPED out = {0};
	struct json json = json_to_buffer(&out, true);
	write_sample(&json);
	cr_assert_str_eq(buffer_string(&out),
		"{\n"
		"  \"formatVersion\": 1,\n"
		"  \"host\": {\"name\": \"dom0\", \"bridges\": [\"xenbr0\", \"xenbr1\"]},\n"
		"  \"changes\": [\n"
		"    {\n"
		"      \"allowed\": true,\n"
		"      \"have\": null,\n"
		"      \"want\": null,\n"
		"      \"field\": [1,2]\n"
		"    },\n"
		"    [-9223372036854775808, false]\n"
		"  ],\n"
		"  \"unmanaged\": [],\n"
		"  \"empty\": {}\n"
		"}\n");
}

Test(json, file_and_buffer_agree)
{
	BUFFER_SCOPED want = {0};
	struct json json = json_to_buffer(&want, true);
	write_sample(&json);
	char *text = NULL;
	size_t size = 0;
	FILE *file = open_memstream(&text, &size);
	json = json_to_file(file, true);
	write_sample(&json);
	fclose(file);
	cr_assert_str_eq(text, buffer_string(&want));
	free(text);
}

Test(json, a_key_written_alone_takes_the_next_value)
{
	BUFFER_SCOPED out = {0};
	struct json json = json_to_buffer(&out, false);
	json_open_object(&json, NULL);
	json_int(&json, "a", 1);
	json_key(&json, "list");
	json_open_array(&json, NULL);
	json_int(&json, NULL, 2);
	json_int(&json, NULL, 3);
	json_close(&json, ']');
	json_key(&json, "text");
	json_text(&json, NULL, "x");
	json_close(&json, '}');
	cr_assert_str_eq(buffer_string(&out), "{\"a\":1,\"list\":[2,3],\"text\":\"x\"}");
}

Test(json, any_bytes_become_valid_text_and_come_back)
{
	char bytes[256];
	for (int i = 0; i < 255; i++)
		bytes[i] = (char)(i + 1);
	bytes[255] = '\0';
	BUFFER_SCOPED out = {0};
	struct json json = json_to_buffer(&out, false);
	json_text(&json, NULL, bytes);
	cr_assert(text_utf8(out.text, out.size));
	for (size_t i = 0; i < out.size; i++)
		cr_assert((unsigned char)out.text[i] >= 0x20 && out.text[i] != 0x7f);
	cJSON *parsed = cJSON_Parse(out.text);
	cr_assert_not_null(parsed);
	/* the ASCII half is the same, each stray byte of the other one a replacement character */
	cr_assert_eq(strncmp(parsed->valuestring, bytes, 127), 0);
	cr_assert_eq(strlen(parsed->valuestring), 127 + 128 * 3);
	cr_assert(text_starts(parsed->valuestring + 127, "\xef\xbf\xbd\xef\xbf\xbd"));
	cJSON_Delete(parsed);
}

Test(json, escapes_are_the_short_ones)
{
	BUFFER_SCOPED out = {0};
	struct json json = json_to_buffer(&out, false);
	json_text(&json, NULL, "a\"b\\c\n\t\r\033\x7f\xc2\x9b/\xc3\xb6");
	cr_assert_str_eq(buffer_string(&out), "\"a\\\"b\\\\c\\n\\t\\r\\u001b\\u007f\\u009b/\xc3\xb6\"");
}

Test(json, deepest_nesting_is_held)
{
	BUFFER_SCOPED out = {0};
	struct json json = json_to_buffer(&out, false);
	for (int i = 0; i < JSON_DEPTH - 1; i++)
		json_open_array(&json, NULL);
	for (int i = 0; i < JSON_DEPTH - 1; i++)
		json_close(&json, ']');
	cr_assert_eq(out.size, 2 * (JSON_DEPTH - 1));
}

import com.datalake.cn.client.DataLakeClient;
import com.datalake.cn.client.DataLakeStreamClient;
import com.datalake.cn.entity.ColumnDefinition;
import com.datalake.cn.entity.DataLakeLinkData;
import com.datalake.cn.entity.DataLakeStreamData;
import com.datalake.cn.entity.TableStructure;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** Drives the original's Java client against this server; any difference ends it with a message and status 1. */
public class InteropMain {
    static final int COLUMNS = 54;
    static final String TABLE = "policy_info";

    static void check(boolean holds, String what) {
        if (!holds) {
            System.err.println("FAILED: " + what);
            System.exit(1);
        }
        System.out.println("ok  " + what);
    }

    /** The client has no call for create; a user of it sends the statement as the project's README shows. */
    static void create(String host, int port) throws Exception {
        StringBuilder sql = new StringBuilder("create table " + TABLE + "(pid int primary key");
        for (int i = 1; i < COLUMNS; i++) sql.append(", c").append(i).append(" string");
        sql.append(") partition.number = 4, replicas.number=1");
        byte[] bytes = ("{\"sql\":\"" + sql + "\"}").getBytes(StandardCharsets.UTF_8);
        try (Socket socket = new Socket(host, port)) {
            DataOutputStream out = new DataOutputStream(socket.getOutputStream());
            out.writeInt(bytes.length);
            out.write(bytes);
            DataInputStream in = new DataInputStream(socket.getInputStream());
            int code = in.readInt();
            String text = "";
            if (code == -2) {
                byte[] message = new byte[in.readInt()];
                in.readFully(message);
                text = new String(message, StandardCharsets.UTF_8);
            }
            check(code == -1, "create table of " + COLUMNS + " columns " + text);
        }
    }

    static String text(int row, int column) {
        if (column % 11 == 0) return null;
        return column % 5 == 0 ? "关于2020年衡阳市中小企业发展专项资金 " + row : "value " + column + " of row " + row;
    }

    static DataLakeLinkData row(int id) {
        DataLakeLinkData data = new DataLakeLinkData();
        data.put("pid", id);
        for (int i = 1; i < COLUMNS; i++) if (text(id, i) != null) data.put("c" + i, text(id, i));
        return data;
    }

    public static void main(String[] args) throws Exception {
        String host = args[0];
        int port = Integer.parseInt(args[1]);
        int rows = Integer.parseInt(args[2]);
        create(host, port);

        List<String> columns = new ArrayList<>();
        columns.add("pid");
        for (int i = 1; i < COLUMNS; i++) columns.add("c" + i);
        DataLakeClient client = new DataLakeClient(host, port, TABLE, columns);

        TableStructure structure = client.getTableStructure();
        check(structure.getTableName().equals(TABLE) && structure.getMajorKey().equals("pid"), "desc: table and key");
        check(structure.getPartitionNumber() == 4 && structure.getPartitionAddress().size() == 4, "desc: partitions");
        check(new HashSet<>(structure.getColumnNames()).equals(new HashSet<>(columns)), "desc: the columns and nothing else");
        check(structure.getPartitionAddress().get("0").get(0).getInfo().equals("Leader"), "desc: leader");

        Map<Integer, Long> offsets = client.getMaxOffset();
        check(offsets.size() == 4 && offsets.values().stream().allMatch(o -> o == -1), "max_offset of an empty table");

        for (int i = 0; i < rows; i++) {
            DataLakeLinkData data = row(i);
            data.insert();
            client.putDataLakeLinkData(data);
        }
        long start = System.nanoTime();
        client.execute();
        System.out.printf("    %d rows of %d columns in one batch: %.2f s%n", rows, COLUMNS, (System.nanoTime() - start) / 1e9);
        offsets = client.getMaxOffset();
        long records = offsets.values().stream().mapToLong(o -> o + 1).sum();
        check(records == rows, "batch insert of " + rows + " wide rows");

        DataLakeLinkData gone = new DataLakeLinkData();
        gone.put("pid", 0);
        gone.delete();
        client.putDataLakeLinkData(gone);
        client.execute();

        DataLakeStreamClient stream = new DataLakeStreamClient(host, port, TABLE);
        stream.setReadCount(5000);
        Set<Integer> keys = new HashSet<>();
        long seen = 0;
        boolean exact = true;
        boolean deleted = false;
        start = System.nanoTime();
        for (;;) {
            List<DataLakeStreamData> batch = stream.load();
            if (batch.isEmpty()) break;
            for (DataLakeStreamData record : batch) {
                seen++;
                int id = record.getData().getInt("pid");
                exact &= record.getMajorValue().equals(String.valueOf(id)) && record.getTableName().equals(TABLE);
                if (record.getCrudType().equals("delete")) {
                    deleted = id == 0 && record.getData().getString("c1") == null;
                    continue;
                }
                keys.add(id);
                exact &= record.getData().getSize() == COLUMNS;
                for (int i = 1; i < COLUMNS; i++) {
                    String value = record.getData().getString("c" + i);
                    exact &= text(id, i) == null ? value == null : text(id, i).equals(value);
                }
            }
        }
        System.out.printf("    stream of %d records: %.2f s%n", seen, (System.nanoTime() - start) / 1e9);
        check(seen == rows + 1 && keys.size() == rows, "stream from the beginning: every record once");
        check(exact, "stream: every value as it was inserted");
        check(deleted, "stream: the delete");

        DataLakeStreamClient tail = new DataLakeStreamClient(host, port, TABLE);
        tail.setReadCount(10);
        long last = client.getMaxOffset().get(0);
        tail.setPartitionCodeAndOffSet(0, last - 3);
        List<DataLakeStreamData> newest = tail.load();
        check(newest.size() == 3 && newest.get(2).getOffset() == last && newest.get(0).getPartitionCode() == 0, "stream from an offset");

        client.alterTableAdd("extra", "string", "test");
        client.alterTableAdd("plain", "long");
        Set<String> names = new HashSet<>(client.getTableStructure().getColumnNames());
        check(names.contains("extra") && names.contains("plain"), "alter table add, with and without default");
        for (ColumnDefinition column : client.getTableStructure().getColumn()) {
            if (column.getColumnName().equals("extra")) check("test".equals(column.getConfig().getDefaultValue()), "the default in desc");
        }
        client.alterTableDelete("plain");
        check(!client.getTableStructure().getColumnNames().contains("plain"), "alter table orop");

        client.compress();
        check(client.getMaxOffset().values().stream().mapToLong(o -> o + 1).sum() == rows + 1, "compress keeps the offsets");

        DataLakeClient wrong = new DataLakeClient(host, port, "no_such_table");
        String message = "";
        try {
            wrong.getTableStructure();
        } catch (Exception error) {
            message = error.getMessage();
        }
        check(message.startsWith("TABLE_NOT_FOUND"), "errors arrive as exceptions: " + message);

        client.dropTable();
        message = "";
        try {
            client.getTableStructure();
        } catch (Exception error) {
            message = error.getMessage();
        }
        check(message.startsWith("TABLE_NOT_FOUND"), "drop");
        tail.close();
        stream.close();
        client.close();
        System.out.println("the Java client works against this server");
    }
}
